"""Which GPUs a job gets, which part of them, and by which variables."""

import pytest

from hessianfree_lab.errors import LabError
from hessianfree_lab.records import Assignment, Device, FinishRequest, JobSpec, Offer
from hessianfree_lab.worker.placement import Placement, Sharing, chosen, job_environment

GIB = 2**30


def assignment(device="auto", *, run="r", gpus=0, processes=1):
    resources = {"gpus": gpus, "processes": processes}
    return Assignment(
        run=run, name=run, attempt=1, spec=JobSpec(problem="bowl", device=device, resources=resources)
    )


def cards(*uuids):
    return [Device(name=f"cuda:{n}", uuid=uuid, memory_bytes=80 * GIB) for n, uuid in enumerate(uuids)]


def three(**sharing):
    return Placement(cards("GPU-a", "GPU-b", "GPU-c"), Sharing(**sharing))


@pytest.mark.parametrize(
    ("wanted", "jobs", "unfit", "expected"),
    [
        (assignment(), [0, 0, 0], [], [0]),
        (assignment(), [1, 0, 0], [], [1]),
        (assignment("cuda"), [2, 1, 3], [], [1]),
        (assignment(), [0, 0, 0], [0], [1]),
        (assignment("cuda:2"), [0, 0, 1], [], [2]),
        (assignment("cuda:7"), [0, 0, 0], [], []),  # it is told that there is none
        (assignment("cpu"), [0, 0, 0], [], []),
        (assignment(gpus=2), [0, 1, 0], [], [0, 2]),
        (assignment(gpus=2), [0, 0, 0], [0], [1, 2]),
        (assignment(gpus=2, processes=2), [1, 0, 0], [], [1, 2]),
        (assignment(processes=2), [0, 0, 0], [], []),  # it has not asked for any
        (assignment(), [1, 1, 1], [0, 1, 2], [0]),  # the server gave what was not offered
    ],
)
def test_a_job_gets_the_gpus_with_the_fewest_jobs(wanted, jobs, unfit, expected):
    names = [f"cuda:{n}" for n in range(len(jobs))]
    found = chosen(wanted.spec, dict(zip(names, jobs, strict=True)), unfit=[names[n] for n in unfit])
    assert found == [names[n] for n in expected]


def test_a_job_sees_the_gpus_it_got_and_no_other():
    placement = three()
    first = placement.put(assignment(run="first"))
    assert (first.gpus, first.assignment.spec.device) == (["cuda:0"], "cuda")
    assert first.variables["CUDA_VISIBLE_DEVICES"] == "GPU-a"
    assert first.variables["HESSIANFREE_GPU_MEMORY_FRACTION"] == ""  # all of it
    second = placement.put(assignment(run="second", gpus=2, processes=2))
    assert second.variables["CUDA_VISIBLE_DEVICES"] == "GPU-b,GPU-c"
    assert placement.in_use() == {"cuda:0", "cuda:1", "cuda:2"}
    on_cpu = placement.put(assignment("cpu", run="third"))
    assert on_cpu.variables == {"CUDA_VISIBLE_DEVICES": ""}
    ranks = placement.put(assignment(run="fourth", processes=2))
    assert (ranks.assignment.spec.device, ranks.variables) == ("cpu", {"CUDA_VISIBLE_DEVICES": ""})
    placement.take_back(first.assignment, None)
    named = placement.put(assignment("cuda:0", run="fifth"))
    assert (named.assignment.spec.device, named.variables["CUDA_VISIBLE_DEVICES"]) == ("cuda", "GPU-a")
    unknown = placement.put(assignment("cuda:7", run="sixth"))
    assert (unknown.assignment.spec.device, unknown.variables) == ("cuda:7", {})


def test_a_gpu_without_a_uuid_is_named_by_its_number():
    placed = Placement(cards(None), Sharing()).put(assignment())
    assert placed.assignment.spec.device == "cuda:0"
    assert "CUDA_VISIBLE_DEVICES" not in placed.variables


def test_a_worker_without_gpus_says_nothing_of_them():
    placement = Placement([], Sharing())
    assert placement.offer() is None
    placed = placement.put(assignment())
    assert (placed.assignment, placed.variables) == (assignment(), {})


def test_what_is_offered_is_what_there_is_room_on():
    placement = three(jobs_per_gpu=2)
    assert placement.offer() == Offer(room=["cuda:0", "cuda:1", "cuda:2"], whole=3, most=3)
    jobs = [placement.put(assignment("cuda", run=str(n))).assignment for n in range(4)]
    assert placement.offer() == Offer(room=["cuda:1", "cuda:2"], whole=0, most=3)
    placement.take_back(jobs[1], None)
    assert placement.offer() == Offer(room=["cuda:1", "cuda:2"], whole=1, most=3)
    placement.take_back(jobs[2], None)
    assert placement.put(assignment(run="two", gpus=2)).gpus == ["cuda:1", "cuda:2"]
    assert placement.offer() == Offer(room=[], whole=0, most=3)  # whole ones: nobody shares them
    placement.notice({"cuda:0": "It is gone."})
    assert placement.offer() == Offer(room=[], whole=0, most=2)


def test_instances_are_for_jobs_with_one_gpu():
    placement = Placement(cards("MIG-1", "MIG-2", "GPU-a", "GPU-b"), Sharing())
    assert placement.offer() == Offer(room=["cuda:0", "cuda:1", "cuda:2", "cuda:3"], whole=2, most=2)
    assert placement.put(assignment(run="two", gpus=2)).gpus == ["cuda:2", "cuda:3"]
    assert placement.put(assignment()).variables["CUDA_VISIBLE_DEVICES"] == "MIG-1"


def test_a_gpu_that_failed_under_a_job_gets_no_other():
    placement = three()
    first, second = (placement.put(assignment(run=run)).assignment for run in ("first", "second"))
    assert placement.take_back(second, FinishRequest(state="failed", cause="error")) == ""
    ending = FinishRequest(
        state="interrupted", cause="device", error="The GPU failed: CUDA error: unknown error"
    )
    assert placement.take_back(first, ending) == "cuda:0 gets no other job until this worker is started anew."
    assert placement.offer() == Offer(room=["cuda:1", "cuda:2"], whole=2, most=2)
    assert placement.notice({}) == {}  # that NVML finds it does not make it well
    assert placement.unfit() == {"cuda:0": ending.error}


@pytest.mark.parametrize(
    ("sharing", "memory", "expected"),
    [
        ({}, 80 * GIB, None),
        ({"memory_fraction": 0.5}, 80 * GIB, 0.5),
        ({"jobs_per_gpu": 4, "memory_fraction": 0.1}, 80 * GIB, 0.1),
        ({"jobs_per_gpu": 4}, 80 * GIB, 0.25 - 600 / (80 * 1024)),  # CUDA itself takes some for each process
        ({"jobs_per_gpu": 4}, GIB, 0.125),
        ({"jobs_per_gpu": 4}, None, 0.25),
    ],
)
def test_jobs_that_share_a_gpu_have_equal_parts_of_its_memory(sharing, memory, expected):
    assert Sharing(**sharing).fraction(memory) == (None if expected is None else pytest.approx(expected))


def test_a_job_is_told_its_part():
    placement = three(jobs_per_gpu=2, memory_fraction=0.4)
    variables = placement.put(assignment()).variables
    assert float(variables["HESSIANFREE_GPU_MEMORY_FRACTION"]) == pytest.approx(0.4)
    whole = three(jobs_per_gpu=2).put(assignment(gpus=2)).variables
    assert whole["HESSIANFREE_GPU_MEMORY_FRACTION"] == ""


@pytest.mark.parametrize(
    ("sharing", "words"),
    [
        ({"jobs_per_gpu": 0}, "HESSIANFREE_JOBS_PER_GPU must be at least 1; it is 0."),
        ({"memory_fraction": 0.0}, "HESSIANFREE_GPU_MEMORY_FRACTION must be above 0 and at most 1"),
        ({"jobs_per_gpu": 4, "memory_fraction": 0.5}, "at most 0.25, one part of 4; it is 0.5."),
    ],
)
def test_parts_that_are_too_large_together_are_refused(sharing, words):
    with pytest.raises(LabError, match=words):
        Sharing(**sharing)


@pytest.mark.parametrize("name", ["HESSIANFREE_TOKEN", "HESSIANFREE_TOKEN_FILE"])
def test_the_way_to_the_token_does_not_reach_the_job(monkeypatch, name):
    monkeypatch.setenv(name, "secret")
    assert name not in job_environment(1)
