"""The curves and the faces of [Hinton & Salakhutdinov 2006], as James Martens published them with [Martens 2010]."""

import io

import numpy as np
import torch
from torch import Tensor

from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.training.datasets.files import DataFile, DataSet

CURVES = DataSet(
    name="curves",
    files={"images": DataFile(name="digs3pts_1.mat")},
    source="www.cs.toronto.edu/~jmartens/digs3pts_1.mat",
)
FACES = DataSet(
    name="faces",
    files={"images": DataFile(name="newfaces_rot_single.mat")},
    source="www.cs.toronto.edu/~jmartens/newfaces_rot_single.mat",
)
CURVES_PIXELS, FACES_PIXELS = 784, 625
PEOPLE, TRAINED, HELD_OUT = 40, 25, 10
"""Of the faces: as many images of each person, in order; those of the first are trained on, of the last held out."""


def curves_images() -> tuple[Tensor, Tensor]:
    """Training and test images, [N, 784] in [0, 1]."""
    found = _arrays(CURVES, "bdata", "bdatatest")
    return _images(found["bdata"], CURVES_PIXELS), _images(found["bdatatest"], CURVES_PIXELS)


def faces_images() -> tuple[Tensor, Tensor]:
    """Training and test images, [N, 625], normalized, of 25 people and of 10 others.

    The file has a column an image, 165,600 of them: the split is that of [Martens 2010]'s own experiments.
    """
    images = _images(_arrays(FACES, "newfaces_single")["newfaces_single"].T, FACES_PIXELS)
    of_one = len(images) // PEOPLE
    return images[: TRAINED * of_one], images[-HELD_OUT * of_one :]


def _arrays(files: DataSet, *names: str) -> dict[str, np.ndarray]:
    """These variables of the set's file. Raises `InvalidRequest` where it has them not."""
    # scipy is slow to import, and only these two sets need it.
    from scipy.io import loadmat

    file, data = files.files["images"].name, files.content("images")
    try:
        found = loadmat(io.BytesIO(data), variable_names=names)
    except Exception as error:
        # Half a file, and one that is something else, make scipy stumble in many ways, each with a class of its own.
        told = f"{file} cannot be read ({type(error).__name__}: {error}): is it whole? It comes from {files.source}."
        raise InvalidRequest([Fault("problem", told)]) from None
    if absent := [name for name in names if name not in found]:
        raise InvalidRequest([Fault("problem", f"{file} has no variable {', '.join(absent)}.")])
    return {name: found[name] for name in names}


def _images(rows: np.ndarray, pixels: int) -> Tensor:
    if rows.ndim != 2 or rows.shape[1] != pixels or rows.dtype.kind not in "fiu":
        told = f"Images of {pixels} pixels were expected, not {list(rows.shape)} of {rows.dtype}."
        raise InvalidRequest([Fault("problem", told)])
    return torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float32))
