"""Hessian-free (truncated Newton) optimization for PyTorch [Martens 2010; Martens & Sutskever 2012].

One noun of the theory a module; `hessianfree.step` puts them together on one screen. Start with `HessianFree`.
"""

from hessianfree.method import Method
from hessianfree.optimizer import HessianFree
from hessianfree.records import SolveTrace, StepReport

__all__ = ["HessianFree", "Method", "SolveTrace", "StepReport"]
