"""Which cases of a step are a rank's, where several processes take it together."""

from dataclasses import dataclass, replace

from torch import Tensor

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.optimizers.interface import Driver, SharingDriver
from hessianfree_lab.training.problems.interface import Batch
from hessianfree_lab.training.ranks import Ranks


@dataclass(frozen=True, kw_only=True)
class Division:
    """About equally many for each of the ranks; all of them where there is one."""

    rank: int = 0
    ranks: int = 1

    def own(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """This rank's part of both."""
        if self.ranks == 1:
            return inputs, targets
        return inputs.tensor_split(self.ranks)[self.rank], targets.tensor_split(self.ranks)[self.rank]

    def of_batch(self, batch: Batch) -> Batch:
        inputs, targets = self.own(batch.inputs, batch.targets)
        return replace(batch, inputs=inputs, targets=targets)


def divide(driver: Driver, ranks: Ranks, name: str) -> None:
    """Have the steps of a driver of the optimizer `name` taken by all ranks. Raises `InvalidRequest` if they cannot."""
    if not isinstance(driver, SharingDriver):
        raise too_many_processes(ranks.size, f"a step of {name!r} is taken by one process")
    driver.share(ranks.group)


def too_many_processes(ranks: int, why: str) -> InvalidRequest:
    path = "resources.processes"
    return InvalidRequest([Fault(path, f"{path} = {ranks}: {why}; use fewer.")])
