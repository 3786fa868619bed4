"""Checkpoints of a small job, in a folder and in S3."""

import pytest

from hessianfree_lab.storage.objects import Objects
from hessianfree_lab.training.checkpoints import Checkpoints
from server.training.keeping import SPEC
from server.training.places import FolderPlace, ObjectPlace


@pytest.fixture(params=["folder", "s3"])
def place(request, tmp_path):
    if request.param == "folder":
        return FolderPlace(tmp_path / "checkpoints" / "run")
    return ObjectPlace(Objects(request.getfixturevalue("s3").new_storage()), tmp_path)


@pytest.fixture
def checkpoints(place):
    return Checkpoints(place.shelf, SPEC)
