"""Curvature products replayed from a recording: the same numbers but for rounding, from fewer and larger kernels."""

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from warnings import warn

import torch
from torch import Tensor

from hessianfree.curvature.recorded.plan import Plan
from hessianfree.curvature.recorded.recording import Unrecordable, record
from hessianfree.curvature.saved import SavedTensors
from hessianfree.interfaces import Curvature, CurvatureAt, FlatView, LinearMap

_log = logging.getLogger(__name__)

_SECONDS_BEFORE_MEASURING = 1.0  # of plain products: what takes less in all is not worth a recording
_WORTHWHILE = 0.9  # of the plain product's time
_MOST_RECORDINGS = (
    8  # graphs of as many kinds (batch sizes, above all); with more, none pays for its recording
)
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative, for a product; other dtypes: 5e-2


class _Placed:
    """A plan, and where a new graph of the same kind holds the constants that the plan asks for."""

    def __init__(self, plan: Plan, constants: Sequence[Tensor], at_hand: Sequence[Tensor]) -> None:
        """Raises `Unrecordable` where one of the constants is not at hand."""
        self._plan = plan
        same_memory = {_memory(tensor): i for i, tensor in enumerate(at_hand)}
        self._places: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []
        for constant in constants:
            i = same_memory.get(_memory(constant))
            if i is None:
                raise Unrecordable("a product uses a tensor that autograd did not save")
            self._places.append((i, constant.size(), constant.stride()))

    @torch.no_grad()
    def bound(self, at_hand: Sequence[Tensor]) -> Callable[[], LinearMap]:
        """What makes the map that replays; it holds no more of the tensors than it needs."""
        constants = [at_hand[i].as_strided(size, stride) for i, size, stride in self._places]
        return partial(self._plan.product, constants)


class RecordedProducts:
    """Wraps what builds a curvature, so that most of its products are replayed.

    A graph of a new kind is recorded before the second product of its curvature, and the plan made from that compared
    with plain products of two random vectors. A graph of a known kind takes its plan from the second product on,
    after a comparison on the vector of the first. Where they differ the graph is recorded anew: a number in the
    closure may have changed. After a few recordings in vain the products stay plain, and a warning says so.
    """

    def __init__(
        self,
        plain: CurvatureAt,
        *,
        measured: bool,
        chosen: str | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`measured`: begin after a second of plain products, and go on only where replaying saves a tenth.

        `chosen`: what such measurements have led to before ("plain" or "recorded"), instead of new ones.
        """
        self.plain = plain
        self.measured = measured
        self._chosen = chosen
        self._clock = clock
        self._seconds = 0.0
        self._recordings = 0
        self._placed: dict[Any, _Placed | None] = {}  # None: a kind of graph whose products stay plain
        self._told = False

    @property
    def product_cost(self) -> float:
        """In gradients, of the plain product."""
        return self.plain.product_cost

    @property
    def chosen(self) -> str | None:
        """What measurements have led to; None: to nothing yet, or there are none."""
        if self._chosen is None and self.measured and self._placed:
            return "recorded" if any(self._placed.values()) else "plain"
        return self._chosen

    @property
    def replays(self) -> bool:
        """Whether the next curvature's products may be replayed; then the forward pass belongs into SavedTensors."""
        if self._chosen == "plain" or self._must_be_repeatable:
            return False
        in_vain = self._recordings >= _MOST_RECORDINGS and not any(self._placed.values())
        return not self._is_waiting and not in_vain

    @property
    def _is_waiting(self) -> bool:
        waits = self.measured and self._chosen is None and not self._must_be_repeatable
        return waits and self._seconds < _SECONDS_BEFORE_MEASURING

    @property
    def _must_be_repeatable(self) -> bool:
        return self.measured and torch.get_deterministic_debug_mode() > 0

    def __call__(self, loss: Tensor, outputs: Any, parameters: FlatView) -> Curvature:
        if not self.replays:
            plain = self.plain(loss, outputs, parameters)
            return _Timed(plain, self._now, self._spend) if self._is_waiting else plain
        before = SavedTensors.so_far()

        def build() -> tuple[Curvature, Sequence[Tensor]]:
            with SavedTensors() as saved:
                curvature = self.plain(loss, outputs, parameters)
            return curvature, [*parameters.tensors, *before, *saved.tensors]

        return _Replaying(self, build)

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy makes plans of its own, where measurements have led to any.
        return partial(type(self), measured=self.measured, chosen=self.chosen), (self.plain,)

    def _spend(self, seconds: float) -> None:
        self._seconds += seconds

    def known(self, at_hand: Sequence[Tensor]) -> Callable[[], LinearMap] | None:
        """What makes the map that replays a graph with these tensors; None where none of its kind was recorded."""
        placed = self._placed.get(_kind(at_hand))
        return None if placed is None else placed.bound(at_hand)

    def recorded(self, curvature: LinearMap, at_hand: Sequence[Tensor], vector: Tensor) -> LinearMap | None:
        """As `known`, from a new recording; None where its products are to stay plain."""
        kind = _kind(at_hand)
        if self._placed.get(kind, self) is None:
            return None
        try:
            if self._recordings >= _MOST_RECORDINGS:
                raise Unrecordable(f"{_MOST_RECORDINGS} recordings did not serve for long")
            self._recordings += 1
            placed = self._placed[kind] = self._record(curvature, at_hand, vector)
        # RuntimeError: torch's, of a kernel that a rewriting does not suit.
        except (Unrecordable, RuntimeError) as reason:
            self._refuse(kind, str(reason))
            return None
        return placed.bound(at_hand)()

    def _refuse(self, kind: Any, reason: str) -> None:
        self._placed[kind] = None
        message = (
            f"Curvature products are not replayed from a recording: {reason}. Plain ones are made instead."
        )
        if self.measured:  # nobody asked for it
            _log.info(message)
        elif not self._told:
            warn(message, stacklevel=2)
        self._told = True

    def _record(self, curvature: LinearMap, at_hand: Sequence[Tensor], vector: Tensor) -> _Placed:
        recording, _ = record(curvature, vector)
        plan = Plan(recording)
        placed = _Placed(plan, [recording.constants[i] for i in plan.used], at_hand)
        replayed = placed.bound(at_hand)()
        generator = torch.Generator().manual_seed(0)  # the user's random numbers stay the user's
        for _ in range(2):
            probe = torch.randn(vector.shape, generator=generator, dtype=vector.dtype).to(vector.device)
            if not _agree(replayed(probe), curvature(probe)):
                raise Unrecordable("its products differ from the plain ones")
        measures = self.measured and self._chosen is None
        if measures and (share := self._share_of_time(replayed, curvature, probe)) > _WORTHWHILE:
            raise Unrecordable(f"it takes {share:.2f} of the plain product's time")
        return placed

    def _share_of_time(self, replayed: LinearMap, plain: LinearMap, vector: Tensor) -> float:
        """Of the plain product's time that the replayed one takes: alternating, the median of three."""
        shares = []
        for _ in range(3):
            marks = [self._now(vector)]
            for product in (replayed, plain):
                product(vector)
                marks.append(self._now(vector))
            shares.append((marks[1] - marks[0]) / max(marks[2] - marks[1], 1e-9))
        return statistics.median(shares)

    def _now(self, vector: Tensor) -> float:
        if vector.is_cuda:
            torch.cuda.synchronize(vector.device)
        return self._clock()


class _Timed:
    """A curvature that reports the seconds of each product."""

    def __init__(
        self, curvature: Curvature, now: Callable[[Tensor], float], spend: Callable[[float], None]
    ) -> None:
        self._curvature, self._now, self._spend = curvature, now, spend
        self.product_cost = curvature.product_cost

    def gradient(self) -> Tensor:
        return self._curvature.gradient()

    def __call__(self, vector: Tensor, /) -> Tensor:
        started = self._now(vector)
        product = self._curvature(vector)
        self._spend(self._now(vector) - started)
        return product


class _Replaying:
    """A curvature whose products are plain until a replayed map takes over, which lets go of the graph."""

    def __init__(
        self, book: RecordedProducts, build: Callable[[], tuple[Curvature, Sequence[Tensor]]]
    ) -> None:
        """`build()` answers the plain curvature, and the tensors among which its constants are."""
        self._book, self._build = book, build
        curvature, self._at_hand = build()
        self._curvature: Curvature | None = curvature
        self._map: LinearMap = curvature
        self._first: tuple[Tensor, Tensor] | None = None
        self.product_cost = curvature.product_cost

    def gradient(self) -> Tensor:
        if self._curvature is None:
            raise RuntimeError("ask for the gradient before the products: the graph is gone")
        return self._curvature.gradient()

    def __call__(self, vector: Tensor, /) -> Tensor:
        if self._first is not None:
            self._take_over(*self._first)
            self._first, self._at_hand, self._build = None, (), _gone
        product = self._map(vector)
        if self._at_hand:
            self._first = (vector.clone(), product.clone())
        return product

    def _take_over(self, vector: Tensor, product: Tensor) -> None:
        if not torch.isfinite(product).all():
            return
        known = self._book.known(self._at_hand)
        if known is not None:
            # The graph goes first, to make room for what the map takes; it is built again if it is needed.
            self._map, self._curvature, self._at_hand = _gone, None, ()
            self._map = known()
            if _agree(self._map(vector), product):
                return
            self._curvature, self._at_hand = self._build()
            self._map = self._curvature
        replayed = self._book.recorded(self._map, self._at_hand, vector)
        if replayed is not None:
            self._map, self._curvature = replayed, None


def _gone(*_: object) -> Any:
    raise AssertionError("the graph has been let go")


def _agree(replayed: Tensor, plain: Tensor) -> bool:
    tolerance = _TOLERANCE.get(plain.dtype, 5e-2)
    difference = torch.linalg.vector_norm(replayed - plain)
    return bool(difference <= tolerance * torch.linalg.vector_norm(plain))


def _kind(at_hand: Sequence[Tensor]) -> Any:
    """Equal for graphs of the same form."""
    return tuple((tensor.shape, tensor.stride(), tensor.dtype) for tensor in at_hand)


def _memory(tensor: Tensor) -> tuple[Any, ...]:
    """Equal for tensors that show the same memory, transposed perhaps."""
    return tensor.data_ptr(), tensor.numel(), tensor.dtype
