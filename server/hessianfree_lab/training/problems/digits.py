"""1,797 real handwritten digits of 8 x 8 pixels [Alpaydin & Kaynak 1998], as scikit-learn ships them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy
import torch

FILE = "datasets/data/digits.csv.gz"
HELD_OUT_EVERY = 6  # the data come writer by writer: every sixth image holds some of each writer's back


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images `[1797, 64]`, pixels in [0, 1], float64, and labels `[1797]`."""
    table = _table()
    return torch.from_numpy(table[:, :-1] / 16.0), torch.from_numpy(table[:, -1].astype(numpy.int64))


def _table() -> "numpy.ndarray[tuple[int, int], numpy.dtype[numpy.float64]]":
    """A row for each image: its pixels, 0 to 16, and its label.

    Read from the file in scikit-learn, whose import takes seconds, of every job anew; where it is not, by its loader.
    """
    found = find_spec("sklearn")
    file = Path(found.origin).parent / FILE if found is not None and found.origin is not None else None
    if file is not None and file.exists():
        return numpy.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    data = load_digits()
    return numpy.column_stack([data.data, data.target])


def held_out() -> torch.Tensor:
    """Which of the images are held out: a boolean `[1797]`, the same for every seed."""
    return torch.arange(len(digits()[0])) % HELD_OUT_EVERY == 0
