"""The optimizers, by name."""

from hessianfree_lab.training.optimizers.first_order import ADAM, ADAMW, SGD
from hessianfree_lab.training.optimizers.hessian_free import HESSIAN_FREE
from hessianfree_lab.training.optimizers.interface import Driver, Optimizer, SlicingDriver, Taken
from hessianfree_lab.training.optimizers.lbfgs import L_BFGS
from hessianfree_lab.training.optimizers.recommended import RECOMMENDED
from hessianfree_lab.training.registry import by_name

OPTIMIZERS = by_name([HESSIAN_FREE, RECOMMENDED, SGD, ADAM, ADAMW, L_BFGS])

__all__ = ["OPTIMIZERS", "Driver", "Optimizer", "SlicingDriver", "Taken"]
