"""What the library raises for broken contracts.

    HessianFreeError
    ├── ParameterError   parameters that cannot be optimized together
    ├── ClosureError     a closure whose answer cannot be used
    │   └── NotTwiceDifferentiableError   a layer of the model has no second derivative
    ├── ReductionError   (a RuntimeError) a loss that does not add up over batches
    └── RankError        (a RuntimeError) other ranks of the process group that do not come along

Expected outcomes of the numerics (no convergence, negative curvature, a failed line search) are values in the report
and warnings, never exceptions.
"""


class HessianFreeError(Exception):
    """Root of all the library's own errors."""


class ParameterError(HessianFreeError, ValueError):
    """The parameters cannot be optimized together."""


class ClosureError(HessianFreeError, ValueError):
    """`forward`, `grad` or `mvp` answered something that cannot be used."""


class NotTwiceDifferentiableError(ClosureError):
    """Something in the model cannot be differentiated twice; the message names the layer where that can be known."""


class ReductionError(HessianFreeError, RuntimeError):
    """Loss, gradient or product summed over batches is not that of the concatenated data."""


class RankError(HessianFreeError, RuntimeError):
    """Another rank of the process group failed, is gone, or does something else than this one."""
