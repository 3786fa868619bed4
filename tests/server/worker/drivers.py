"""A stand-in for the module pynvml: GPUs as NVML tells of them, and the errors that it raises."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

GIB = 2**30


WORDS = {
    3: "Not Supported",
    6: "Not Found",
    13: "Function Not Found",
    15: "GPU is lost",
    18: "Driver/library version mismatch",
    999: "Unknown Error",
}


class Refused(Exception):
    """NVML's error, with its number."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return WORDS[self.value]


@dataclass(eq=False)
class Card:
    """A GPU, or an instance of one. What is None is not supported; `gone`: NVML's number for why nothing is told."""

    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    total: int | None = 80 * GIB
    used: int = 0
    percent: int | None = 0
    celsius: int | None = 40
    milliwatts: int | None = 70_000
    parts: "list[Card | None] | None" = None  # places for MIG instances; None: it is not divided
    gone: int | None = None
    is_lost_by_number: bool = False


@dataclass
class Driver:
    """Answers as pynvml does. An old one has neither the second account of memory nor the new temperatures."""

    cards: list[Card] = field(default_factory=list)
    trouble: int | None = None
    is_old: bool = False
    opened: int = 0

    NVMLError = Refused
    NVML_ERROR_GPU_IS_LOST = 15
    NVML_ERROR_RESET_REQUIRED = 16
    NVML_DEVICE_MIG_ENABLE = 1
    NVML_TEMPERATURE_GPU = 0
    nvmlMemory_v2 = 0x02000028  # noqa: N815 (its name)

    def nvmlInit(self) -> None:
        self._answer(self)
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self._answer(self)

    def nvmlSystemGetDriverVersion(self) -> str:
        return "580.65.06"

    def nvmlDeviceGetCount(self) -> int:
        self._answer(self)
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        if self.cards[index].is_lost_by_number:
            raise Refused(15)
        return self.cards[index]

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return card.uuid

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        if self.is_old or card.uuid.startswith("MIG-"):
            raise Refused(3)
        return [int(card.parts is not None)] * 2

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:
        return len(card.parts or ())

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> Card:
        part = (card.parts or [])[index]
        if part is None:
            raise Refused(6)
        return part

    def nvmlDeviceGetName(self, card: Card) -> str:
        return str(self._told(card, card.name))

    def nvmlDeviceGetMemoryInfo(self, card: Card, version: int | None = None) -> Any:
        if self.is_old and version:
            raise Refused(13)
        total = self._told(card, card.total)
        kept = GIB if version is None else 0  # by the driver: the older account has it as used
        return SimpleNamespace(total=total, used=card.used + kept)

    def nvmlDeviceGetUtilizationRates(self, card: Card) -> Any:
        return SimpleNamespace(gpu=self._told(card, card.percent), memory=0)

    def nvmlDeviceGetTemperatureV(self, card: Card, sensor: int) -> int:
        if self.is_old:
            raise Refused(13)
        return self.nvmlDeviceGetTemperature(card, sensor)

    def nvmlDeviceGetTemperature(self, card: Card, sensor: int) -> int:
        return int(self._told(card, card.celsius))

    def nvmlDeviceGetPowerUsage(self, card: Card) -> int:
        return int(self._told(card, card.milliwatts))

    def nvmlDeviceGetEnforcedPowerLimit(self, card: Card) -> int:
        return int(self._told(card, None if card.milliwatts is None else 700_000))

    def _told(self, card: Card, value: Any) -> Any:
        if card.gone is not None:
            raise Refused(card.gone)
        if value is None:
            raise Refused(3)
        return value

    @staticmethod
    def _answer(driver: "Driver") -> None:
        if driver.trouble is not None:
            raise Refused(driver.trouble)


def divided(uuid: str, *parts: str) -> Card:
    """A GPU in MIG mode with these instances, the place between them empty."""
    places: list[Card | None] = []
    for part in parts:
        places += [
            Card(
                part, "NVIDIA A100-SXM4-40GB MIG 1g.5gb", 5 * GIB, percent=None, celsius=None, milliwatts=None
            ),
            None,
        ]
    return Card(uuid, "NVIDIA A100-SXM4-40GB", 40 * GIB, percent=None, parts=places)
