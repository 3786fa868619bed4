"""Which GPUs a worker has, from what torch sees, what NVML tells and what CUDA_VISIBLE_DEVICES says. Pure.

They are known by their uuids: NVML counts in the order of the bus, CUDA with the fastest one first, both leave out what
they are told to, and a process sees one MIG instance at most, however many there are.
"""

from collections.abc import Collection, Mapping, Sequence

from hessianfree_lab.records import Device, DeviceLoad
from hessianfree_lab.worker.nvml import Gpu, Look

BUSY_BYTES = 2**30  # in use on a GPU on which no job of this worker trains: somebody else's

_MIG = "MIG"


def usable(seen: Sequence[Device], look: Look, visible: str | None) -> list[Device]:
    """The devices that jobs may have, the CPU as it is.

    `seen` are torch's. CUDA itself has understood `visible`, the value of CUDA_VISIBLE_DEVICES, so whole GPUs are those
    that torch sees, in its order. Where there are MIG instances they are all that NVML knows and `visible` allows by
    uuid; where that names them by numbers, the one that torch sees. None has a uuid whose uuid is not sure.
    """
    others = [device for device in seen if not device.is_gpu]
    gpus = [device for device in seen if device.is_gpu]
    if gpus and any(gpu.parent for gpu in look.gpus) and (named := _named(look.gpus, visible)):
        return others + [_numbered(index, gpu) for index, gpu in enumerate(named)]
    return others + [_sure(device, look.gpus) for device in gpus]


def remarks(seen: Sequence[Device], look: Look, visible: str | None) -> list[str]:
    """Sentences, for once, about what is not as one would expect."""
    has_gpus = any(device.is_gpu for device in seen)
    if has_gpus and look.trouble is not None:
        return [f"What the GPUs are busy with cannot be told: NVML says: {look.trouble}."]
    if not has_gpus and look.gpus and visible is None:
        there = "a GPU" if len(look.gpus) == 1 else f"{len(look.gpus)} GPUs"
        return [
            f"This machine has {there}, but torch cannot use any: jobs train on the CPU. "
            "'hessianfree doctor' shows what torch is built for."
        ]
    return []


def faults(devices: Sequence[Device], look: Look) -> dict[str, str]:
    """By name, why a GPU cannot be used any more. `devices` are such as NVML has told of before."""
    if look.trouble is not None:
        return {}  # of a driver that is being exchanged nothing is known
    found: dict[str, str] = {}
    for device in devices:
        gpu = _of(device, look.gpus)
        if gpu is None:
            found[device.name] = "The driver does not find it any more."
        elif gpu.fault is not None:
            found[device.name] = f"The driver says: {gpu.fault}."
    return found


def taken_by_others(devices: Sequence[Device], look: Look, own: Collection[str]) -> dict[str, str]:
    """By name, which GPUs other programs use, among those on which no job of this worker trains; `own` are the rest."""
    found: dict[str, str] = {}
    for device in devices:
        gpu = _of(device, look.gpus)
        if gpu is not None and device.name not in own and (gpu.memory_used_bytes or 0) >= BUSY_BYTES:
            held = (gpu.memory_used_bytes or 0) / 2**30
            found[device.name] = f"Other programs use {held:.1f} GiB of it."
    return found


def loads(devices: Sequence[Device], look: Look, notes: Mapping[str, str]) -> list[DeviceLoad]:
    """What the GPUs among the devices are busy with, as far as NVML tells, and what is to be said of them."""
    found = []
    for device in devices:
        gpu = _of(device, look.gpus)
        if gpu is None and device.name not in notes:
            continue
        gpu = gpu or Gpu(uuid="")
        found.append(
            DeviceLoad(
                device=device.name,
                memory_used_bytes=gpu.memory_used_bytes,
                memory_total_bytes=gpu.memory_total_bytes,
                utilisation=gpu.utilisation,
                temperature_celsius=gpu.temperature_celsius,
                power_watts=gpu.power_watts,
                power_limit_watts=gpu.power_limit_watts,
                note=notes.get(device.name, ""),
            )
        )
    return found


def told_of(devices: Sequence[Device], look: Look) -> list[Device]:
    """Those that NVML knows."""
    return [device for device in devices if _of(device, look.gpus) is not None]


def _bare(uuid: str) -> str:
    """Without the word in front: torch knows none, and an instance's is another than its GPU's."""
    return uuid.partition("-")[2].lower()


def _of(device: Device, gpus: Sequence[Gpu]) -> Gpu | None:
    if device.uuid is None:
        return None
    return next((gpu for gpu in gpus if _bare(gpu.uuid) == _bare(device.uuid)), None)


def _sure(device: Device, gpus: Sequence[Gpu]) -> Device:
    """The device with the uuid that its driver gives it; of an instance torch may know its GPU's alone."""
    gpu = _of(device, gpus)
    if gpu is not None:
        return device.model_copy(update={"uuid": gpu.uuid})
    if f" {_MIG} " in device.title:
        return device.model_copy(update={"uuid": None})
    return device


def _named(gpus: Sequence[Gpu], visible: str | None) -> list[Gpu]:
    """The GPUs and instances that are named by uuid, which may be cut short, up to the first that there is not.

    All where nothing is said; none where one is named by its number.
    """
    if visible is None:
        return list(gpus)
    found: list[Gpu] = []
    for name in visible.split(","):
        if not name.strip().startswith(("GPU-", f"{_MIG}-")):
            return []
        meant = [gpu for gpu in gpus if gpu.uuid.lower().startswith(name.strip().lower())]
        if len(meant) != 1:
            break
        found += [gpu for gpu in meant if gpu not in found]
    return found


def _numbered(index: int, gpu: Gpu) -> Device:
    return Device(name=f"cuda:{index}", title=gpu.title, memory_bytes=gpu.memory_total_bytes, uuid=gpu.uuid)
