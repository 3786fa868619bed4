"""Which device a job gets."""

import pytest

from hessianfree_lab.records import Assignment, Device, JobSpec
from hessianfree_lab.worker.placement import job_environment, placed

GPUS = ("cpu", "cuda:0", "cuda:1", "cuda:2")


def assignment(device):
    return Assignment(run="r", name="r", attempt=1, spec=JobSpec(problem="bowl", device=device))


@pytest.mark.parametrize(
    ("wanted", "devices", "busy", "expected"),
    [
        ("auto", GPUS, [], "cuda:0"),
        ("auto", GPUS, ["cuda:0"], "cuda:1"),
        ("cuda", GPUS, ["cuda:0", "cuda:1", "cuda:0", "cuda:2"], "cuda:1"),
        ("cuda:2", GPUS, [], "cuda:2"),
        ("cpu", GPUS, [], "cpu"),
        ("auto", ("cpu", "cuda:0"), [], "auto"),
        ("auto", ("cpu",), [], "auto"),
    ],
)
def test_a_job_that_leaves_the_choice_gets_the_least_busy_gpu(wanted, devices, busy, expected):
    found = placed(assignment(wanted), [Device(name=name) for name in devices], map(assignment, busy))
    assert found.spec.device == expected


@pytest.mark.parametrize("name", ["HESSIANFREE_TOKEN", "HESSIANFREE_TOKEN_FILE"])
def test_the_way_to_the_token_does_not_reach_the_job(monkeypatch, name):
    monkeypatch.setenv(name, "secret")
    assert name not in job_environment(1)
