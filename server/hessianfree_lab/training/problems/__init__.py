"""The problems, by name."""

from hessianfree_lab.training.problems.addition import ADDITION
from hessianfree_lab.training.problems.beale import BEALE
from hessianfree_lab.training.problems.curves_autoencoder import CURVES_AUTOENCODER
from hessianfree_lab.training.problems.digits_autoencoder import DIGITS_AUTOENCODER
from hessianfree_lab.training.problems.digits_classifier import DIGITS_CLASSIFIER
from hessianfree_lab.training.problems.himmelblau import HIMMELBLAU
from hessianfree_lab.training.problems.interface import Batch, Problem, Task
from hessianfree_lab.training.problems.quadratic import QUADRATIC
from hessianfree_lab.training.problems.rosenbrock import ROSENBROCK
from hessianfree_lab.training.registry import by_name

PROBLEMS = by_name(
    [
        DIGITS_AUTOENCODER,
        DIGITS_CLASSIFIER,
        CURVES_AUTOENCODER,
        ADDITION,
        ROSENBROCK,
        BEALE,
        HIMMELBLAU,
        QUADRATIC,
    ]
)

__all__ = ["PROBLEMS", "Batch", "Problem", "Task"]
