"""The problems, by name: those that come with the package, and one's own."""

from collections.abc import Iterable, Mapping

from hessianfree_lab.errors import LabError
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems.autoencoders.curves_autoencoder import CURVES_AUTOENCODER
from hessianfree_lab.training.problems.autoencoders.digits_autoencoder import DIGITS_AUTOENCODER
from hessianfree_lab.training.problems.autoencoders.faces_autoencoder import FACES_AUTOENCODER
from hessianfree_lab.training.problems.autoencoders.mnist_autoencoder import MNIST_AUTOENCODER
from hessianfree_lab.training.problems.classifiers.allcnnc import ALLCNNC
from hessianfree_lab.training.problems.classifiers.digits_classifier import DIGITS_CLASSIFIER
from hessianfree_lab.training.problems.classifiers.resnet18 import RESNET18
from hessianfree_lab.training.problems.equations.burgers import BURGERS
from hessianfree_lab.training.problems.equations.poisson import POISSON
from hessianfree_lab.training.problems.finding import own_problems
from hessianfree_lab.training.problems.interface import Batch, Problem, Task
from hessianfree_lab.training.problems.linear.least_squares import LEAST_SQUARES
from hessianfree_lab.training.problems.linear.logistic_regression import LOGISTIC_REGRESSION
from hessianfree_lab.training.problems.long_lags.addition import ADDITION
from hessianfree_lab.training.problems.long_lags.multiplication import MULTIPLICATION
from hessianfree_lab.training.problems.long_lags.noiseless_memorization import NOISELESS_MEMORIZATION
from hessianfree_lab.training.problems.long_lags.random_permutation import RANDOM_PERMUTATION
from hessianfree_lab.training.problems.long_lags.temporal_order import TEMPORAL_ORDER
from hessianfree_lab.training.problems.long_lags.xor import XOR
from hessianfree_lab.training.problems.matrix_factorization import MATRIX_FACTORIZATION
from hessianfree_lab.training.problems.own import Parts, problem
from hessianfree_lab.training.problems.plane.beale import BEALE
from hessianfree_lab.training.problems.plane.double_well import DOUBLE_WELL
from hessianfree_lab.training.problems.plane.himmelblau import HIMMELBLAU
from hessianfree_lab.training.problems.plane.rosenbrock import ROSENBROCK
from hessianfree_lab.training.problems.quadratic import QUADRATIC
from hessianfree_lab.training.problems.transformer import TRANSFORMER
from hessianfree_lab.training.registry import by_name, find

PROBLEMS = by_name(
    [
        DIGITS_AUTOENCODER,
        DIGITS_CLASSIFIER,
        CURVES_AUTOENCODER,
        MNIST_AUTOENCODER,
        FACES_AUTOENCODER,
        ADDITION,
        MULTIPLICATION,
        XOR,
        TEMPORAL_ORDER,
        RANDOM_PERMUTATION,
        NOISELESS_MEMORIZATION,
        RESNET18,
        ALLCNNC,
        TRANSFORMER,
        POISSON,
        BURGERS,
        LEAST_SQUARES,
        LOGISTIC_REGRESSION,
        MATRIX_FACTORIZATION,
        ROSENBROCK,
        BEALE,
        HIMMELBLAU,
        DOUBLE_WELL,
        QUADRATIC,
    ]
)
"""Those that come with the package."""


def all_problems() -> Mapping[str, Problem]:
    """Those and one's own. Raises `LabError` with every file that cannot be loaded, and every name that two have."""
    own = own_problems()
    everything = [*PROBLEMS.values(), *own.problems]
    if faults := [*own.broken, *names_taken_twice(everything)]:
        raise LabError(" ".join(faults))
    return by_name(everything)


def find_problem(name: str) -> Problem:
    """The one that a job names; others that cannot be loaded do not matter to it.

    Raises `InvalidRequest` with the nearest name, `LabError` where it may be in what cannot be loaded, or two have it.
    """
    if name in PROBLEMS:
        return PROBLEMS[name]
    own = own_problems()
    if faults := names_taken_twice(each for each in own.problems if each.name == name):
        raise LabError(" ".join(faults))
    known = PROBLEMS | by_name(own.problems)
    if name not in known and own.broken:
        raise LabError(f"No problem {name!r} was found. {' '.join(own.broken)}")
    return find(known, name, kind="problem")


def names_taken_twice(problems: Iterable[Problem]) -> list[str]:
    """A sentence about each problem that has the name of another."""
    first: dict[str, Problem] = {}
    return [
        f"There are two problems called {each.name!r}: in {each.place} and in {first[each.name].place}."
        for each in problems
        if first.setdefault(each.name, each) is not each
    ]


__all__ = [
    "PROBLEMS",
    "Batch",
    "Params",
    "Parts",
    "Problem",
    "Task",
    "all_problems",
    "find_problem",
    "names_taken_twice",
    "problem",
]
