"""How a step is carried out, as opposed to what it computes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from hessianfree.curvature.recorded import RecordedProducts
from hessianfree.interfaces import CurvatureAt
from hessianfree.loss_slice import LossSlice


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Choices that cost time or memory and leave the method as it is.

    `products` is how curvature products are made: "plain" by backward passes through kept graphs; "recorded" by
    replaying the kernels of one of them, joined where possible (equal but for rounding; see RecordedProducts); "auto"
    by whichever a measurement finds faster, once plain products have taken a second. Repeats of a run are bit-equal
    with "plain" and "recorded" alone; where torch is told to be deterministic, "auto" means "plain".
    `graph_memory_bytes` bounds the autograd graphs kept between curvature products; None: a quarter of the memory of
    the device, which the processes that torchrun starts on a machine have among them. What does not fit is run again
    for every product: by `acc_step` the batches after those that fit, by `step` all of it, with a warning.
    `batch_norm` is how normalization layers act within a step: "batch" leaves it to their mode (in training mode they
    normalize by the batch, and their statistics change by one forward pass a step); "frozen" has them normalize
    by their running statistics and leaves these alone.
    `loss_slice` asks for the loss along the step (see LossSlice); None: it costs nothing.
    `clock` is what a report's seconds are measured by: one of one's own may leave pauses out.
    """

    products: str = "auto"
    graph_memory_bytes: int | None = None
    batch_norm: str = "batch"
    loss_slice: LossSlice | None = None
    clock: Callable[[], float] = time.perf_counter

    def __post_init__(self) -> None:
        if self.products not in ("auto", "plain", "recorded"):
            raise ValueError(f'products must be "auto", "plain" or "recorded"; got {self.products!r}')
        if self.graph_memory_bytes is not None and self.graph_memory_bytes < 0:
            raise ValueError(f"graph_memory_bytes must be >= 0, or None; got {self.graph_memory_bytes}")
        if self.batch_norm not in ("batch", "frozen"):
            raise ValueError(f'batch_norm must be "batch" or "frozen"; got {self.batch_norm!r}')

    def curvature(self, plain: CurvatureAt, chosen: str | None = None) -> CurvatureAt:
        """What builds the curvature of a step, by `products`; `chosen` is what "auto" has chosen before."""
        if self.products == "plain":
            return plain
        measured = self.products == "auto"
        return RecordedProducts(plain, measured=measured, chosen=chosen if measured else None)
