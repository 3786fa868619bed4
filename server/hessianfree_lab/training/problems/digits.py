"""1,797 real handwritten digits of 8 x 8 pixels [Alpaydin & Kaynak 1998], as scikit-learn ships them."""

from functools import cache

import numpy
import torch

HELD_OUT_EVERY = 6  # the data come writer by writer: every sixth image holds some of each writer's back


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Images `[1797, 64]`, pixels in [0, 1], float64, and labels `[1797]`."""
    # scikit-learn is slow to import, and only these problems need it.
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(numpy.asarray(data.data, dtype=numpy.float64) / 16.0)
    return images, torch.from_numpy(numpy.asarray(data.target, dtype=numpy.int64))


def held_out() -> torch.Tensor:
    """Which of the images are held out: a boolean `[1797]`, the same for every seed."""
    return torch.arange(len(digits()[0])) % HELD_OUT_EVERY == 0
