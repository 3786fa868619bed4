"""Labelled images: MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.datasets.files import DataFile, DataSet
from hessianfree_lab.training.datasets.idx import read_idx

LabelledName = Literal["mnist", "fashion-mnist", "cifar-10", "cifar-100"]

SIDE, CHANNELS = 32, 3  # of CIFAR's images


@dataclass(frozen=True, kw_only=True)
class Images:
    """Images [N, channels, height, width] of unsigned bytes, and labels [N] from 0 to `classes` - 1."""

    training: Tensor
    training_labels: Tensor
    test: Tensor
    test_labels: Tensor
    classes: int


def _idx_set(name: str, sums: tuple[str, str, str, str], source: str, *elsewhere: str) -> DataSet:
    """A set in MNIST's four files; `sums`: of their content, images first, training first."""
    of_images, of_labels = "images-idx3-ubyte", "labels-idx1-ubyte"
    names = [f"{part}-{kind}" for part in ("train", "t10k") for kind in (of_images, of_labels)]
    sizes = (47_040_016, 60_008, 7_840_016, 10_008)
    files = {
        part: DataFile(name=file, size=size, md5=md5)
        for part, file, size, md5 in zip(_PARTS, names, sizes, sums, strict=True)
    }
    return DataSet(name=name, files=files, source=source, elsewhere=tuple(map(Path, elsewhere)))


_PARTS = ("training", "training_labels", "test", "test_labels")

MNIST = _idx_set(
    "mnist",
    (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    "yann.lecun.com/exdb/mnist or one of its mirrors",
)
FASHION_MNIST = _idx_set(
    "fashion-mnist",
    (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
    "github.com/zalandoresearch/fashion-mnist, or install Debian's package dataset-fashion-mnist",
    "/usr/share/datasets/fashion-mnist",
)
CIFAR_10 = DataSet(
    name="cifar-10",
    files={
        **{f"training {n}": DataFile(name=f"data_batch_{n}.bin", size=30_730_000) for n in range(1, 6)},
        "test": DataFile(name="test_batch.bin", size=30_730_000),
    },
    source="www.cs.toronto.edu/~kriz/cifar.html, the binary version",
)
CIFAR_100 = DataSet(
    name="cifar-100",
    files={
        "training": DataFile(name="train.bin", size=153_700_000),
        "test": DataFile(name="test.bin", size=30_740_000),
    },
    source="www.cs.toronto.edu/~kriz/cifar.html, the binary version",
)


@lru_cache(maxsize=1)
def labelled_images(name: LabelledName) -> Images:
    """The set of this name, kept until another is asked for: whoever trains one thing after the other reads it once.

    Raises `InvalidRequest` where its files are not as they should be.
    """
    return _READERS[name]()


def _of_idx(files: DataSet) -> Images:
    parts = {part: read_idx(files.content(part), file.name) for part, file in files.files.items()}
    return Images(
        training=parts["training"].unsqueeze(1),
        training_labels=parts["training_labels"].long(),
        test=parts["test"].unsqueeze(1),
        test_labels=parts["test_labels"].long(),
        classes=10,
    )


def _of_cifar_10() -> Images:
    parts = [part for part in CIFAR_10.files if part != "test"]
    training = [_cifar(CIFAR_10, part, labels=1, classes=10) for part in parts]
    test, test_labels = _cifar(CIFAR_10, "test", labels=1, classes=10)
    return Images(
        training=torch.cat([images for images, _ in training]),
        training_labels=torch.cat([labels for _, labels in training]),
        test=test,
        test_labels=test_labels,
        classes=10,
    )


def _of_cifar_100() -> Images:
    training, training_labels = _cifar(CIFAR_100, "training", labels=2, classes=100)
    test, test_labels = _cifar(CIFAR_100, "test", labels=2, classes=100)
    return Images(
        training=training,
        training_labels=training_labels,
        test=test,
        test_labels=test_labels,
        classes=100,
    )


def _cifar(files: DataSet, part: str, *, labels: int, classes: int) -> tuple[Tensor, Tensor]:
    """Images and their last label, the fine one: a row is so many labels, then a plane of bytes for each channel.

    Raises `InvalidRequest` for a label beyond the classes: no checksum of these files is known.
    """
    rows = np.frombuffer(files.content(part), np.uint8).reshape(-1, labels + CHANNELS * SIDE * SIDE)
    if (highest := rows[:, labels - 1].max()) >= classes:
        told = f"{files.files[part].name} of {files.name} has a label {highest}; they end at {classes - 1}."
        raise InvalidRequest([Fault("problem", told)])
    images = torch.from_numpy(rows[:, labels:].copy()).reshape(-1, CHANNELS, SIDE, SIDE)
    return images, torch.from_numpy(rows[:, labels - 1].astype(np.int64))


LABELLED: dict[str, DataSet] = {files.name: files for files in (MNIST, FASHION_MNIST, CIFAR_10, CIFAR_100)}
_READERS: dict[str, Callable[[], Images]] = {
    "mnist": lambda: _of_idx(MNIST),
    "fashion-mnist": lambda: _of_idx(FASHION_MNIST),
    "cifar-10": _of_cifar_10,
    "cifar-100": _of_cifar_100,
}
