"""Checkpoints that are written beside the training: nothing waits for them, and what could not be written is told."""

import json
import threading
from dataclasses import dataclass

import pytest

from hessianfree_lab.client.spool import SpoolWriter
from hessianfree_lab.errors import StorageUnavailable
from hessianfree_lab.records import JobSpec
from hessianfree_lab.worker.saving import Saving
from system.launch import wait_until


@dataclass(frozen=True)
class Reached:
    """A session at a step, after so many seconds of training; also its state there."""

    step: int
    seconds: float
    spec = JobSpec(problem="quadratic", checkpoint_every=10)

    def state(self):
        return self


class Place:
    """Where checkpoints are saved, each in `costs` seconds; `answers` only when it is told to."""

    def __init__(self, folder, *, beside, costs=0.0):
        self.costs, self._now, self._folder = costs, 0.0, folder
        self.answers = threading.Event()
        self.answers.set()
        self.error = None
        self.saved = []
        self.saving = Saving(
            self._save, SpoolWriter(folder / "records.jsonl"), beside=beside, clock=lambda: self._now
        )

    def _save(self, state):
        assert self.answers.wait(60)
        self._now += self.costs
        if self.error is not None:
            raise self.error
        self.saved.append(state.step)

    def notes(self):
        lines = (self._folder / "records.jsonl").read_text().splitlines()
        return [json.loads(line)["note"] for line in lines]

    def begin(self, *reached):
        """Begin at once, and hear how it ended."""
        self.saving.begin(Reached(*reached))
        wait_until(lambda: not self._is_busy(), seconds=60, what="the checkpoint is written")
        self.saving.is_due(Reached(*reached))

    @staticmethod
    def _is_busy():
        return any(thread.name == "saving" for thread in threading.enumerate())


def test_nothing_waits_for_a_checkpoint_that_goes_elsewhere(tmp_path):
    place = Place(tmp_path, beside=True, costs=2.0)
    place.answers.clear()
    place.saving.begin(Reached(10, 5.0))
    assert not place.saving.is_due(Reached(20, 1000.0))  # one after the other
    assert (place.saved, place.saving.kept_step) == ([], 0)
    place.answers.set()
    wait_until(lambda: place.saved == [10], seconds=60, what="the checkpoint is written")
    wait_until(lambda: place.saving.is_due(Reached(20, 25.1)), seconds=60, what="it is time again")
    assert place.saving.kept_step == 10
    assert not place.saving.is_due(Reached(20, 24.9))  # two seconds are a tenth of twenty
    assert not place.saving.is_due(Reached(21, 25.1))
    place.saving.finish(Reached(21, 25.1))
    assert (place.saved, place.saving.kept_step) == ([10, 21], 21)
    place.saving.finish(Reached(21, 25.1))
    assert place.saved == [10, 21]


@pytest.mark.parametrize("beside", [True, False], ids=["beside", "between"])
def test_a_storage_that_is_away_is_told_of_once_and_tried_again_soon(tmp_path, beside):
    place = Place(tmp_path, beside=beside, costs=60.0)
    place.error = StorageUnavailable("Cannot write s3://lab/x: no route.")
    place.begin(10, 5.0)
    assert not place.saving.is_due(Reached(20, 34.9))
    assert place.saving.is_due(Reached(20, 35.1))  # not only after ten minutes
    place.begin(20, 35.1)
    told = "No checkpoint could be written at step 10: Cannot write s3://lab/x: no route. Training goes on."
    assert (place.notes(), place.saving.kept_step) == ([told], 0)
    place.error = None
    place.begin(30, 70.0)
    assert place.saving.kept_step == 30
    place.begin(40, 700.0)
    assert place.notes() == [told, "The checkpoint of step 30 could be written."]


def test_what_is_no_storages_fault_ends_the_job(tmp_path):
    place = Place(tmp_path, beside=True)
    place.error = ValueError("a state that cannot be written")
    with pytest.raises(ValueError, match="a state that cannot be written"):
        place.saving.finish(Reached(10, 5.0))
