"""A worker's look at its GPUs, every few seconds: how busy they are, and whether they can be used."""

from collections.abc import Callable, Sequence

from hessianfree_lab.records import Device, DeviceLoad
from hessianfree_lab.worker.gpus import faults, loads, taken_by_others, told_of
from hessianfree_lab.worker.nvml import Nvml
from hessianfree_lab.worker.placement import Placement


class GpuWatch:
    """Tells a placement which GPUs not to use, and says so once."""

    def __init__(
        self,
        gpus: Sequence[Device],
        nvml: Nvml,
        placement: Placement,
        say: Callable[[str], None],
    ) -> None:
        self._gpus, self._nvml, self._placement = gpus, nvml, placement
        self._say = say
        self._known = told_of(gpus, nvml.look()) if gpus else []  # of others it cannot say that they are gone

    def look(self) -> list[DeviceLoad]:
        """What the GPUs are busy with. May take its time where a driver does."""
        if not self._gpus:
            return []
        look = self._nvml.look()
        unfit = faults(self._known, look)
        if self._placement.skips_busy:
            unfit = taken_by_others(self._known, look, self._placement.in_use()) | unfit
        titles = {gpu.name: gpu.title for gpu in self._gpus}
        for name, why in self._placement.notice(unfit).items():
            self._say(
                f"{name} ({titles[name]}): {f'{why} It gets no job.' if why else 'It can be used again.'}"
            )
        return loads(self._gpus, look, self._placement.unfit())
