"""Where memory runs out a session raises, in words that tell, and the process lives on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hessianfree_lab.training.optimizers import OPTIMIZERS
from server.training import starved


@pytest.fixture(scope="module")
def told():
    """What processes with too little memory found: the end of a session, and the steps of another one after it."""
    arguments = [sys.executable, str(Path(starved.__file__))]
    return json.loads(
        subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=200).stdout
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_that_does_not_fit_ends_as_out_of_memory(told, optimizer):
    (steps, cause, sentence), _ = told[optimizer]
    assert (steps, cause) == (0, "out_of_memory")
    assert sentence.startswith("Out of memory: ")


def test_data_that_do_not_fit_end_as_out_of_memory(told):
    (steps, cause, _), _ = told["unbuildable"]
    assert (steps, cause) == (None, "out_of_memory")


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS, "unbuildable"])
def test_the_process_trains_on_afterwards(told, optimizer):
    _, afterwards = told[optimizer]
    assert afterwards == 2
