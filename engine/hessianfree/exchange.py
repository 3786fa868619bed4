"""What the ranks of a process group tell each other: sums over all ranks, and numbers that ride along with them."""

from __future__ import annotations

import os
import weakref
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from warnings import warn

import torch
import torch.distributed as dist
from torch import Tensor

from hessianfree.errors import RankError
from hessianfree.rank_rows import PARTS, Rows, split

if dist.is_available() and not dist.is_initialized():
    # Its functions have the world's group of the moment of import as defaults. Torch imports it with the first
    # optimizer; a group that it held then would outlive its destruction, and its threads might abort the process.
    import torch.distributed.nn.functional

_TEXT_BYTES = 512  # of what a rank says when something is wrong
_EXACT = 2**24  # whole numbers below it are exact in float32, the least that is exchanged
_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes


class Exchange:
    """Adds vectors up over the ranks of a process group, one all-reduce each, and nothing else goes between them.

    Behind the vector every rank has a row of its own, zero in all others' vectors: sums keep it exact, and all ranks
    read the same bits. It holds the numbers that belong to the vector, whether the rank could do its share, and a
    fingerprint of what the ranks should have in common. So no number costs a round trip, a rank that raises takes the
    others along, and ranks that have drifted apart find out before one waits for another that never comes.

    A row that nobody asks for is looked at before the next exchange, and at the end of the `with` block that all
    exchanges belong in: by then the host has waited for the device anyway.
    """

    _open: ContextVar[Exchange | None] = ContextVar("open Exchange", default=None)

    def __init__(self, group: dist.ProcessGroup) -> None:
        """`group`: of `torch.distributed`, this process in it.

        Raises:
            TypeError: it is something else.
            ValueError: this process is not in it.
        """
        if not isinstance(group, dist.ProcessGroup):
            raise TypeError(
                "process_group must be a process group of torch.distributed, such as torch.distributed.group.WORLD "
                f"after init_process_group, or None; got {group!r}"
            )
        # Only weakly: torch ends the process by an abort where a group outlives destroy_process_group.
        self._group = weakref.ref(group)
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)
        # As torchrun tells every process; where nobody tells, others may be on other machines.
        self.neighbours = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if self.rank < 0:
            raise ValueError(
                "process_group does not hold this process: make the optimizer on its ranks alone"
            )
        self._unread: Rows | None = None
        self._wish = self._agreed = False
        self._place, self._at, self._count = "", "", 0
        self._met: str | None = None
        self._device: torch.device | None = None

    @property
    def group(self) -> dist.ProcessGroup:
        """Raises ValueError where it has been destroyed."""
        group = self._group()
        if group is None:
            raise ValueError(
                "process_group has been destroyed (destroy_process_group): set the optimizer's process_group to "
                "another one, or to None"
            )
        return group

    def __deepcopy__(self, memo: dict[int, Any]) -> Exchange:
        return Exchange(self.group)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(
            "an optimizer with a process group cannot be pickled: save its state_dict, which any number of processes "
            "can load"
        )

    @contextmanager
    def among(self, place: str, size: str, device: torch.device) -> Iterator[None]:
        """Inside, all ranks go through the same exchanges, at the same `place`; `size` says what vectors have.

        Raises:
            RankError: at the end, another rank failed in the last exchange.
            ValueError: the group's backend cannot take tensors from `device`.
        """
        self.check_device(device)
        self._unread, self._wish, self._agreed = None, False, False
        self._place, self._count, self._device = place, 0, device
        token = self._open.set(self)
        try:
            if size != self._met:  # else sums of vectors of different lengths, which end in any way
                self.pool(size, torch.zeros(0, dtype=torch.float64, device=device), lambda into: into)
                self._met = size
            yield
            self._settle()
        except RankError:
            raise
        except Exception:
            self._settle()  # it may come from a sum that is none
            raise
        finally:
            self._open.reset(token)

    def check_device(self, device: torch.device) -> None:
        """Raise a ValueError where the group's backend cannot take tensors from there."""
        if device.type not in {known.type for known in self.group._device_types}:
            raise ValueError(
                f"process_group (backend {dist.get_backend(self.group)}) cannot exchange tensors on {device}: use "
                "gloo for the CPU and nccl for CUDA devices"
            )

    def add_up(
        self,
        place: str,
        local: Callable[[Tensor], Sequence[float]],
        like: Tensor,
        *,
        values: int = 0,
        common: Iterable[Tensor] = (),
    ) -> tuple[Tensor, list[float]]:
        """The sum over all ranks of what `local(into)` writes into a vector shaped as `like` [n]; `among` the ranks.

        `local` answers so many `values`, whose sums in double precision come with it, and with them the ranks' word
        that all is well: without values that is looked at later. What `local` raises is raised here, and a RankError on
        all other ranks. `place` and the tensors in `common` must be the same on every rank.

        Raises:
            RankError: another rank failed or is gone, or the ranks are at different places.
        """
        self._settle()
        self._count += 1
        self._at = f"{place} (exchange {self._count} of {self._place})"
        dtype = torch.promote_types(like.dtype, torch.float32)
        width = Rows.HEAD + values * PARTS[dtype]
        n = like.numel()
        flat = torch.empty(n + self.size * width, dtype=dtype, device=like.device)
        try:
            numbers = local(flat[:n])
            fingerprint = _fingerprint(common, like.device)
        except BaseException as error:
            # Without this rank's part the sum is none; nor may anybody take it for one before it is looked into.
            with suppress(Exception):
                flat.fill_(torch.nan)
                self._reduce(flat, n, width, [1.0, 0.0, 0.0, 0.0])
                self._texts(f"{type(error).__name__}: {error}")
            raise
        label = zlib.crc32(self._at.encode()) % _EXACT
        head = [0.0, float(self._wish), float(label), 0.0]
        rows = Rows(self._reduce(flat, n, width, head + split(numbers, dtype), fingerprint), values)
        self._unread = rows
        if values:
            self._settle()
        return flat[:n].to(like.dtype), rows.totals() if values else []

    def pool(self, place: str, like: Tensor, local: Callable[[Tensor], object]) -> Tensor:
        """As `add_up`, of what `local(into)` adds to zeros; waits for the ranks' word that all is well."""

        def added(into: Tensor) -> tuple[()]:
            local(into.zero_())
            return ()

        total, _ = self.add_up(place, added, like)
        self._settle()
        return total

    @classmethod
    def agreed(cls, wish: bool) -> bool:
        """Whether to end what goes on: the `wish` itself, or within a step of several ranks what they have agreed on.

        There a wish goes out with the next exchange, and holds on all ranks once that has been.
        """
        exchange = cls._open.get()
        if exchange is None:
            return wish
        exchange._wish = wish
        exchange._settle()
        return exchange._agreed

    def _reduce(
        self, flat: Tensor, n: int, width: int, row: Sequence[float], fingerprint: Tensor | None = None
    ) -> Tensor:
        """Put `row` behind the first `n` entries, add up in place, and answer all rows."""
        table = flat[n:].view(self.size, width)
        table.zero_()
        table[self.rank, : len(row)] = torch.tensor(row, dtype=flat.dtype).to(flat.device)
        if fingerprint is not None:
            table[self.rank, Rows.HEAD - 1] = fingerprint
        self._all_reduce(flat)
        return table

    def _all_reduce(self, flat: Tensor) -> None:
        try:
            dist.all_reduce(flat, group=self.group)
        except RuntimeError as error:  # torch's: a closed connection, a timeout
            raise RankError(
                f"rank {self.rank} of {self.size} lost the others at {self._at}: one of them has ended, or did "
                "not come within the timeout of the process group (init_process_group's `timeout`). Does every rank "
                f"take the same number of steps? The process group cannot be used any more. ({error})"
            ) from error

    def _settle(self) -> None:
        """Look at the rows of the last exchange, unless that has been done."""
        rows, self._unread = self._unread, None
        if rows is None:
            return
        self._agreed = self._agreed or rows.wished
        failed, differ = rows.failed, rows.differ
        if failed:
            texts = self._texts("")
            told = "; ".join(f"rank {rank}: {texts[rank]}" for rank in failed)
            raise RankError(f"another rank could not do its share of the step. {told}")
        if differ is not None:
            texts = self._texts(self._at)
            each = "; ".join(f"rank {rank}: {text}" for rank, text in enumerate(texts))
            told = each if len(set(texts)) > 1 else f"all: {texts[0]}"
            raise RankError(
                f"the ranks {differ} ({told}). They must start from the same parameters (by the same seed before the "
                "model is made, or broadcast) and settings, make the same calls, and run on processors of one kind, "
                "with one version of torch and equally many threads"
            )

    def _texts(self, text: str) -> list[str]:
        """What each rank has to say; all of them ask at once."""
        table = torch.zeros((self.size, _TEXT_BYTES), device=self._device)
        said = torch.tensor(list(text.encode()[:_TEXT_BYTES]), dtype=table.dtype)
        table[self.rank, : len(said)] = said.to(table.device)
        self._all_reduce(table)
        return [bytes(int(byte) for byte in row if byte).decode(errors="replace") for row in table.tolist()]


def warn_if_alone() -> None:
    """Warn where torchrun has started several processes that have not met: each would train for itself."""
    if dist.is_available() and dist.is_torchelastic_launched() and not dist.is_initialized():
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        if processes > 1:
            warn(
                f"torchrun has started {processes} processes, but process_group is None, and this one will train by "
                "itself: call torch.distributed.init_process_group() first (torch.distributed.group.WORLD is None "
                "until then) and give process_group=torch.distributed.group.WORLD",
                stacklevel=4,
            )


def _fingerprint(tensors: Iterable[Tensor], device: torch.device) -> Tensor:
    """Of the tensors' bits, a whole number below 2**24, [] on `device`; the same in whatever order they are added."""
    total = torch.zeros((), dtype=torch.int64, device=device)
    for tensor in tensors:
        bits = tensor.detach().contiguous().view(_INTEGERS[tensor.element_size()])
        total += bits.sum(
            dtype=bits.dtype
        )  # it may overflow; in a wider type it would take forty times as long
    return (total ^ (total >> 24) ^ (total >> 48)) % _EXACT
