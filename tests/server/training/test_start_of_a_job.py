"""What a job loads before its first step."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.session import Session

session = Session(JobSpec(problem="digits-autoencoder", optimizer=sys.argv[1], budget={"steps": 1}))
list(session)
session.restore(session.state())
print(session.step, *sorted({"sklearn", "torch._dynamo"} & sys.modules.keys()))
"""


@pytest.mark.parametrize("optimizer", ["hessianfree", "hessianfree-recommended"])
def test_what_takes_seconds_to_load_is_not_loaded(optimizer):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, optimizer], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1"]
