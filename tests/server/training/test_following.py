"""What rank 0 of a job on several processes tells the others, and what they do then."""

import psutil
import pytest
import torch
import torch.distributed as dist

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.following import follow
from hessianfree_lab.training.ranks import Ranks, backend_for, device_of
from hessianfree_lab.training.session import Session
from server.training.resumption import facts, parameters

# A learning rate that depends on how far the job is, which rank 0 alone knows.
SPEC = JobSpec(
    problem="digits-classifier",
    problem_params={"batch_size": 60, "hidden_size": 8},
    optimizer="kfac",
    optimizer_params={"lr_schedule": "cosine"},
    budget={"steps": 4},
    dtype="float64",
)


@pytest.fixture
def lead(monkeypatch):
    """Rank 0 of a group of one, that others can listen to."""
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    threads = torch.get_num_threads()
    yield Ranks("cpu", rank=0, size=1)
    torch.set_num_threads(threads)
    if dist.is_initialized():
        dist.destroy_process_group()


def heard(lead):
    return Ranks("cpu", rank=1, size=2, port=lead.port)


def never(step):
    raise AssertionError(f"a checkpoint of step {step}")


def test_a_follower_does_what_the_session_of_rank_0_does(lead):
    first, second = Session(SPEC, ranks=lead), Session(SPEC)
    facts(first, 2)
    state = first.state()
    first.apply({"damping": 2.0})
    facts(first)
    lead.tell("end")
    follow(second, heard(lead), never)
    torch.testing.assert_close(parameters(second), parameters(first), rtol=1e-12, atol=1e-12)

    # Another one, that begins where the first was after two steps.
    after = parameters(first)
    Session(SPEC, ranks=lead).restore(state)
    lead.tell("end")
    third, listening = Session(SPEC), heard(lead)
    for _ in listening.words():  # what was said before
        pass
    follow(third, listening, lambda step: (state, []) if step == 2 else (None, []))
    facts(third)
    assert not torch.equal(parameters(third), after)  # without the change
    listening = heard(lead)
    for _ in listening.words():
        pass
    with pytest.raises(RuntimeError, match="rank 0 goes on from step 2, not found here"):
        follow(Session(SPEC), listening, lambda step: (None, []))


def test_a_follower_ends_when_rank_0_is_gone():
    lead = Ranks("cpu", rank=0, size=1)
    listening = heard(lead)
    lead.tell("step", progress={"steps": 0, "spent": 0.0})
    del lead
    with pytest.raises(RuntimeError):  # torch's: the connection is closed
        for _ in listening.words():
            pass


def test_nobody_else_is_listened_to(lead):
    own = [found for found in psutil.Process().net_connections() if found.status == psutil.CONN_LISTEN]
    assert {found.laddr.ip for found in own if found.laddr.port == lead.port} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("device", "rank", "expected", "backend"),
    [("cpu", 3, "cpu", "gloo"), ("cuda:0", 0, "cuda:0", "nccl"), ("cuda:0", 3, "cuda:3", "nccl")],
)
def test_each_rank_has_a_gpu_of_its_own_among_those_of_the_job(device, rank, expected, backend):
    found = device_of(torch.device(device), rank, 4, count=4)
    assert (found, backend_for(found)) == (torch.device(expected), backend)


def test_a_job_with_fewer_gpus_than_processes_is_refused():
    with pytest.raises(InvalidRequest, match="one GPU each, from cuda:0 on; this job has 3"):
        device_of(torch.device("cuda:0"), 0, 4, count=3)
