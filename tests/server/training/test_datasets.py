"""Datasets are read from their original files, and what is missing or another is said."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.records import Supply
from hessianfree_lab.training.datasets import (
    CURVES,
    FACES,
    LABELLED,
    curves_images,
    faces_images,
    labelled_images,
    supply,
    texts,
)
from hessianfree_lab.training.datasets.files import DataFile, DataSet
from hessianfree_lab.training.datasets.idx import read_idx
from hessianfree_lab.training.params import Params
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.interface import Problem
from hessianfree_lab.variables import DATASETS


def idx(values: torch.Tensor) -> bytes:
    return struct.pack(f">2xBB{values.dim()}I", 8, values.dim(), *values.shape) + values.numpy().tobytes()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DATASETS, str(tmp_path))
    return tmp_path


@pytest.fixture
def small() -> DataSet:
    """A set of one file of known content."""
    file = DataFile(
        name="values", size=3, md5="900150983cd24fb0d6963f7d28e17f72"
    )  # of b"abc" [RFC 1321, A.5]
    return DataSet(name="small", files={"part": file}, source="example.org")


def test_values_keep_their_shape_and_order() -> None:
    values = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 4)
    assert torch.equal(read_idx(idx(values), "values"), values)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no IDX file"),
        (b"\0\0\x0d\x01" + struct.pack(">I", 0), "no IDX file"),  # floats
        (b"\0\0\x08\x03\0\0", "ends within its header"),
        (
            idx(torch.zeros(2, 3, dtype=torch.uint8))[:-1],
            r"should hold 6 values of shape \[2, 3\], and has 5",
        ),
    ],
)
def test_what_is_no_idx_file_is_said(data: bytes, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        read_idx(data, "values")


@pytest.mark.parametrize("place", ["small/values", "values", "small/values.gz", "values.gz"])
def test_a_file_may_be_packed_and_have_a_folder_of_its_set(folder: Path, small: DataSet, place: str) -> None:
    (folder / "small").mkdir()
    assert "put values (or .gz) into" in small.missing()
    (folder / place).write_bytes(gzip.compress(b"abc") if place.endswith(".gz") else b"abc")
    assert small.missing() == ""
    assert small.content("part") == b"abc"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("values", b"abcd", "holds 4 bytes; values of small has 3"),
        ("values", b"abd", "its checksum is another"),
        ("values.gz", b"abc", "cannot be read"),
        ("values.gz", gzip.compress(b"abc", mtime=0)[:-4], "cannot be read"),
        ("values.gz", gzip.compress(b"abcd", mtime=0), "holds 4 bytes; values of small has 3"),
        ("values.gz", b"", "cannot be read|holds 0 bytes"),
    ],
)
def test_a_file_that_is_another_is_refused(
    folder: Path, small: DataSet, name: str, data: bytes, told: str
) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(InvalidRequest, match=told):
        small.content("part")
    # All but the checksum is looked at before anybody relies on it.
    assert (small.missing() == "") == (told == "its checksum is another")
    if small.missing():
        assert str(folder / name) in small.missing()
        assert small.missing().endswith("Put it there anew; small is from example.org.")


def test_a_file_that_was_packed_in_parts_has_its_size(folder: Path, small: DataSet) -> None:
    (folder / "values.gz").write_bytes(gzip.compress(b"ab") + gzip.compress(b"c"))
    assert small.missing() == ""
    assert small.content("part") == b"abc"


def test_what_cannot_be_looked_at_is_told_and_keeps_no_worker_from_starting(
    folder: Path, small: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> str:
        with pytest.raises(InvalidRequest) as refused:
            small.content("part")
        assert str(refused.value) == small.missing()
        for problem in PROBLEMS.values():
            problem.info()
        assert texts() == ["python-topics"]
        return small.missing()

    place = folder / "small"
    place.write_bytes(b"a file in place of the folder")
    (folder / "text").write_bytes(b"another")
    assert told().startswith("small is not on this worker: put values (or .gz) into")
    place.unlink()
    (folder / "values").mkdir()
    assert told().startswith(f"{folder / 'values'} is no file. Put it there anew")
    (folder / "values").rmdir()
    (folder / "values").symlink_to(folder / "gone")
    assert told().startswith(f"{folder / 'values'} is a link that leads nowhere.")
    (folder / "values.gz").write_bytes(gzip.compress(b"abc"))  # beside what is of no use
    assert small.missing() == ""
    monkeypatch.setenv(DATASETS, str(folder / ("x" * 300)))  # that even root cannot look into
    assert "cannot be looked at: File name too long." in told()


def test_what_is_missing_is_said_with_where_to_put_it(
    folder: Path, small: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f"put values (or .gz) into {folder / 'small'}; from example.org."
    assert small.missing() == f"small is not on this worker: {told}"
    with pytest.raises(InvalidRequest, match="small is not on this worker"):
        small.content("part")
    monkeypatch.delenv(DATASETS)
    assert "into a folder small/ in what --datasets names" in small.missing()


def test_where_any_of_several_sets_would_do_one_is_enough(folder: Path, small: DataSet) -> None:
    other = DataSet(name="other", files={"part": DataFile(name="numbers")}, source="example.com")
    which = Problem(
        name="which",
        title="",
        description="",
        params=Params,
        metrics={},
        build=lambda *_: None,  # type: ignore[arg-type, return-value]
        supplies=lambda: {"dataset": supply([small, other])},
    )
    lack = small.missing()
    assert which.info().missing == f"{lack} Or the files of other, likewise."
    (folder / "numbers").write_bytes(b"123")
    assert which.info().missing == ""
    assert supply([small, other], ["made"]) == Supply(there=["made", "other"], missing={"small": lack})


@pytest.mark.system  # installed by make
def test_fashion_mnist_as_debian_ships_it() -> None:
    found = labelled_images("fashion-mnist")
    assert found.training.shape == (60_000, 1, 28, 28)
    assert found.test.shape == (10_000, 1, 28, 28)
    for labels, each in ((found.training_labels, 6_000), (found.test_labels, 1_000)):
        assert torch.bincount(labels).tolist() == [each] * found.classes
    # Ankle boots, the first image's class, are broad and low.
    assert found.training_labels[0] == 9
    assert found.training[0, 0].float().mean(1).argmax() > 14


@pytest.mark.slow
@pytest.mark.parametrize(("name", "labels", "classes"), [("cifar-10", 1, 10), ("cifar-100", 2, 100)])
def test_cifar_is_read_plane_by_plane(folder: Path, name: str, labels: int, classes: int) -> None:
    (folder / name).mkdir()
    rows = {}
    for file in LABELLED[name].files.values():
        count = file.size // (labels + 3072)
        values = np.arange(count * (labels + 3072), dtype=np.uint32) % 251
        rows[file.name] = values.astype(np.uint8).reshape(count, -1)
        rows[file.name][:, labels - 1] %= classes
        (folder / name / file.name).write_bytes(rows[file.name].tobytes())
    found = labelled_images(name)  # type: ignore[arg-type]
    assert (found.classes, len(found.training), len(found.test)) == (classes, 50_000, 10_000)
    last = rows["test_batch.bin" if name == "cifar-10" else "test.bin"][-1]
    assert found.test_labels[-1] == last[labels - 1]
    assert np.array_equal(found.test[-1, 2, 31].numpy(), last[-32:])  # the last row of blue
    first = rows["data_batch_1.bin" if name == "cifar-10" else "train.bin"][0]
    assert np.array_equal(found.training[0, 1, 0].numpy(), first[labels + 1024 : labels + 1056])
    file = "data_batch_1.bin" if name == "cifar-10" else "train.bin"
    (folder / name / file).write_bytes(b"\xff" * first.size + rows[file][1:].tobytes())
    labelled_images.cache_clear()
    with pytest.raises(InvalidRequest, match=f"{file} of {name} has a label 255; they end at {classes - 1}"):
        labelled_images(name)  # type: ignore[arg-type]


def test_curves_come_from_the_file_of_the_papers(folder: Path) -> None:
    source = np.random.default_rng(0)
    training, test = source.random((7, 784)), source.random((3, 784))
    assert "digs3pts_1.mat" in CURVES.missing()
    savemat(folder / "digs3pts_1.mat", {"bdata": training, "bdatatest": test})
    found = curves_images()
    assert [images.shape for images in found] == [(7, 784), (3, 784)]
    torch.testing.assert_close(found[1], torch.from_numpy(test).float())


def test_faces_are_split_by_people(folder: Path) -> None:
    images = np.arange(80)[None, :] + np.zeros((625, 1))  # two of each person, a column each
    savemat(folder / "newfaces_rot_single.mat", {"newfaces_single": images.astype(np.float32)})
    training, rest = faces_images()
    assert training[:, 0].tolist() == list(range(50))  # 25 people
    assert rest[:, 0].tolist() == list(range(60, 80))  # 10 others
    assert FACES.missing() == ""


def test_a_matlab_file_with_something_else_is_refused(folder: Path) -> None:
    savemat(folder / "digs3pts_1.mat", {"bdata": np.zeros((2, 784))})
    with pytest.raises(InvalidRequest, match="has no variable bdatatest"):
        curves_images()
    savemat(folder / "digs3pts_1.mat", {"bdata": np.zeros((2, 10)), "bdatatest": np.zeros((2, 10))})
    with pytest.raises(InvalidRequest, match=r"784 pixels were expected, not \[2, 10\]"):
        curves_images()
    savemat(folder / "digs3pts_1.mat", {"bdata": np.full((2, 784), "x"), "bdatatest": np.zeros((2, 784))})
    with pytest.raises(InvalidRequest, match=r"784 pixels were expected, not \[2, 784\] of <U1"):
        curves_images()


@pytest.mark.parametrize("do_compression", [False, True])
def test_half_a_matlab_file_is_told(folder: Path, do_compression: bool) -> None:
    file = folder / "digs3pts_1.mat"
    values = np.random.default_rng(0).random((2, 784))
    savemat(file, {"bdata": values, "bdatatest": values}, do_compression=do_compression)
    whole = file.read_bytes()
    told = r"digs3pts_1.mat (cannot be read \(.*is it whole\? It comes from|has no variable)"
    for end in (0, 14, 60, 127, 128, 140, 190, len(whole) // 2, -9):
        file.write_bytes(whole[:end])
        with pytest.raises(InvalidRequest, match=told):
            curves_images()
