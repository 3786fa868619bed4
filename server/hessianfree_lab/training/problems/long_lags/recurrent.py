"""Recurrent networks, written as loops over time."""

import torch
from torch import Tensor, nn

from hessianfree_lab.training.problems.networks import sparse_weights

SPECTRAL_RADIUS = 1.1  # of the recurrent weights at first: what a unit holds neither dies nor drowns the rest
SPREAD = 0.1  # standard deviation of the weights in and out at first


class RecurrentNetwork(nn.Module):
    """h_t = tanh(into x_t + within h_{t-1}), h_0 = 0, and the output of the last h, or of every h, linear.

    Recurrent weights are sparse and scaled to a spectral radius of 1.1 [Martens & Sutskever 2011, 4; Sutskever et al.
    2013, 5], the others N(0, 0.1²), biases zero. Drawn on the CPU in float64: one seed is one network everywhere.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        generator: torch.Generator,
        *,
        answers_always: bool = False,
    ) -> None:
        super().__init__()
        self._answers_always = answers_always
        self.into = nn.Linear(inputs, hidden, dtype=torch.float64)
        self.within = nn.Linear(hidden, hidden, bias=False, dtype=torch.float64)
        self.out = nn.Linear(hidden, outputs, dtype=torch.float64)
        for linear in (self.into, self.out):
            nn.init.normal_(linear.weight, std=SPREAD, generator=generator)
            nn.init.zeros_(linear.bias)
        sparse_weights(self.within.weight, generator)
        with torch.no_grad():
            radius = torch.linalg.eigvals(self.within.weight).abs().max()
            self.within.weight.mul_(SPECTRAL_RADIUS / radius)

    def forward(self, sequences: Tensor, *, with_states: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """[N, T, inputs] -> [N, outputs], or [N, T, outputs] of a network that answers always.

        `with_states`: beside them what the units are fed at all times, [N, T, hidden]. That, before the tanh, is what
        structural damping holds on to.
        """
        # What the inputs feed does not depend on the states: one product for all times.
        driven = self.into(sequences)
        hidden = driven.new_zeros(len(sequences), driven.shape[2])
        fed, held = [], []
        for drive in driven.unbind(1):
            fed.append(drive + self.within(hidden))
            hidden = torch.tanh(fed[-1])
            held.append(hidden)
        outputs: Tensor = self.out(torch.stack(held, 1) if self._answers_always else hidden)
        return (outputs, torch.stack(fed, 1)) if with_states else outputs
