"""A step of torch's optimizers as the record tells of it: how far it went, and whereto."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hessianfree.utils import angle


class Way:
    """From where the parameters are now, with the gradients they have now, to wherever they are asked of."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self._parameters = parameters
        self._start = _flat(parameters)
        # Copied too, since optimizers may use the gradients as room for their own.
        self._gradient = _flat([torch.zeros_like(p) if p.grad is None else p.grad for p in parameters])

    def metrics(self) -> dict[str, float]:
        """Norms of gradient and parameters before the step, of the step, and its angle to steepest descent.

        One read of the device for all of them.
        """
        step = _flat(self._parameters) - self._start
        norms = [torch.linalg.vector_norm(vector) for vector in (self._gradient, self._start, step)]
        told = torch.stack([*norms, torch.dot(self._gradient, step)]).tolist()
        gradient_norm, parameter_norm, step_norm, slope = told
        found = {"gradient_norm": gradient_norm, "parameter_norm": parameter_norm, "step_norm": step_norm}
        degrees = angle(-slope, gradient_norm * step_norm)
        return found if degrees is None else found | {"step_angle": degrees}


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """All entries in one vector, a copy even of one tensor."""
    # One vector makes few operations, which matters where steps are short: it is paid at every one.
    return torch.cat([t.detach().reshape(-1) for t in tensors])
