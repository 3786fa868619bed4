"""The conditions in which a step evaluates its function: the same random numbers, buffers and kernels every time."""

from hessianfree.evaluation.conditions import Evaluation
from hessianfree.evaluation.paths import DifferentiablePaths

__all__ = ["DifferentiablePaths", "Evaluation"]
