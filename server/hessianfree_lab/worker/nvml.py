"""What NVML, the library of NVIDIA's driver, tells of this machine's GPUs."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

Told = TypeVar("Told")


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU as it is now, or one of the instances that MIG has divided it into; None: it does not say.

    `uuid` is that by which CUDA_VISIBLE_DEVICES names it ("GPU-...", "MIG-..."), `parent` that of the GPU an instance
    is a part of. `fault`: what the driver says of one that it cannot reach any more.
    """

    uuid: str
    title: str = ""
    parent: str | None = None
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    utilisation: float | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Look:
    """All that NVML told at a moment; `trouble`: why nothing. A GPU that has fallen off the bus may be missing."""

    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None  # its version
    trouble: str | None = None


class Nvml:
    """Looks at the GPUs, whatever CUDA_VISIBLE_DEVICES says. A look takes milliseconds; more where a driver hangs.

    NVML is opened with the first look and stays open, which keeps a driver loaded that nobody else uses: loading it
    takes seconds. After any trouble it is opened anew, for a driver may have been exchanged.
    """

    def __init__(self, module: Any) -> None:
        """`module`: pynvml, or what answers as it does."""
        self._module = module
        self._is_open = False

    def look(self) -> Look:
        nvml = self._module
        try:
            if not self._is_open:
                nvml.nvmlInit()
                self._is_open = True
            driver = self._ask(nvml.nvmlSystemGetDriverVersion)
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            self._close()
            return Look(trouble=str(error))
        return Look(gpus=tuple(gpu for index in range(count) for gpu in self._at(index)), driver=driver)

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            with suppress(self._module.NVMLError):
                self._module.nvmlShutdown()

    def _at(self, index: int) -> Iterator[Gpu]:
        """What CUDA can use there: the GPU, its instances, or nothing."""
        nvml = self._module
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            uuid = nvml.nvmlDeviceGetUUID(handle)
        except nvml.NVMLError:
            return  # it cannot even say which one it is
        try:
            if not self._is_divided(handle):
                yield self._gpu(handle, uuid)
                return
            for handle_of_part in self._parts(handle):
                yield self._gpu(handle_of_part, nvml.nvmlDeviceGetUUID(handle_of_part), parent=uuid)
        except nvml.NVMLError as error:
            yield Gpu(uuid=uuid, fault=str(error))

    def _is_divided(self, handle: Any) -> bool:
        mode = self._ask(self._module.nvmlDeviceGetMigMode, handle)
        return mode is not None and mode[0] == self._module.NVML_DEVICE_MIG_ENABLE

    def _parts(self, handle: Any) -> Iterator[Any]:
        for index in range(self._ask(self._module.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
            part = self._ask(self._module.nvmlDeviceGetMigDeviceHandleByIndex, handle, index)
            if part is not None:  # there are as many places as there could be instances
                yield part

    def _gpu(self, handle: Any, uuid: str, parent: str | None = None) -> Gpu:
        nvml = self._module
        memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle, nvml.nvmlMemory_v2)
        if memory is None:  # an older driver, which counts what it keeps for itself as used
            memory = self._ask(nvml.nvmlDeviceGetMemoryInfo, handle)
        rates = self._ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        celsius = self._ask(nvml.nvmlDeviceGetTemperatureV, handle, nvml.NVML_TEMPERATURE_GPU)
        if celsius is None:
            celsius = self._ask(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        return Gpu(
            uuid=uuid,
            title=self._ask(nvml.nvmlDeviceGetName, handle) or "",
            parent=parent,
            memory_total_bytes=None if memory is None else int(memory.total),
            memory_used_bytes=None if memory is None else int(memory.used),
            utilisation=None if rates is None else min(rates.gpu / 100, 1.0),
            temperature_celsius=celsius,
            power_watts=_watts(self._ask(nvml.nvmlDeviceGetPowerUsage, handle)),
            power_limit_watts=_watts(self._ask(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
        )

    def _ask(self, function: Callable[..., Told], *arguments: Any) -> Told | None:
        """The answer; None where this GPU, this driver or this user gets none. What says that it is gone is raised."""
        nvml = self._module
        try:
            return function(*arguments)
        except nvml.NVMLError as error:
            if error.value in (nvml.NVML_ERROR_GPU_IS_LOST, nvml.NVML_ERROR_RESET_REQUIRED):
                raise
            return None


def open_nvml() -> Nvml:
    """That of this machine: nothing is asked yet, and it need not be there."""
    import pynvml

    return Nvml(pynvml)


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else milliwatts / 1000
