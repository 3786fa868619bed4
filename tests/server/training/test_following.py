"""What rank 0 of a job on several processes tells the others, and what they do then."""

from datetime import timedelta

import psutil
import pytest
import torch
import torch.distributed as dist

from hessianfree_lab.errors import InvalidRequest, LabError
from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.following import follow
from hessianfree_lab.training.ranks import Ranks, backend_for, device_of
from hessianfree_lab.training.seat import HERE, Seat, interface_to, listen
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


def alone():
    """Rank 0 of a group of one, that others can listen to."""
    listening = listen(HERE, 2)
    return Ranks("cpu", Seat.on_one_machine(0, 1, listening.getsockname()[1]), listening=listening)


@pytest.fixture
def lead(monkeypatch):
    monkeypatch.delenv("GLOO_SOCKET_IFNAME", raising=False)
    threads = torch.get_num_threads()
    yield alone()
    torch.set_num_threads(threads)
    if dist.is_initialized():
        dist.destroy_process_group()


def heard(lead):
    return Ranks("cpu", Seat.on_one_machine(1, 2, lead.seat.port))


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
    lead = alone()
    listening = heard(lead)
    lead.tell("step", progress={"steps": 0, "spent": 0.0})
    del lead
    with pytest.raises(RuntimeError):  # torch's: the connection is closed
        for _ in listening.words():
            pass


def test_nobody_else_is_listened_to(lead):
    own = [found for found in psutil.Process().net_connections() if found.status == psutil.CONN_LISTEN]
    assert {found.laddr.ip for found in own if found.laddr.port == lead.seat.port} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("device", "rank", "expected", "backend"),
    [("cpu", 3, "cpu", "gloo"), ("cuda:0", 0, "cuda:0", "nccl"), ("cuda:0", 3, "cuda:3", "nccl")],
)
def test_each_rank_has_a_gpu_of_its_own_among_those_of_the_job(device, rank, expected, backend):
    found = device_of(torch.device(device), Seat.on_one_machine(rank, 4, 1), count=4)
    assert (found, backend_for(found)) == (torch.device(expected), backend)


def test_on_several_machines_those_of_its_own_count():
    seat = Seat(rank=5, size=8, local_rank=1, local_size=2, host="10.0.0.1", port=1)
    assert device_of(torch.device("cuda:0"), seat, count=2) == torch.device("cuda:1")
    assert Seat.from_environment(seat.variables()) == seat


def test_a_job_with_fewer_gpus_than_processes_is_refused():
    with pytest.raises(InvalidRequest, match="one GPU each, from cuda:0 on; this job has 3"):
        device_of(torch.device("cuda:0"), Seat.on_one_machine(0, 4, 1), count=3)


def test_ranks_speak_through_the_interface_by_which_rank_0_is_reached():
    addresses = {"eth0": ["198.18.0.7", "fe80::1"], "lo": ["127.0.0.1", "::1"]}
    assert interface_to(HERE, addresses) == "lo"
    assert interface_to(HERE, {"eth0": ["198.18.0.7"]}) is None


def test_a_rank_that_does_not_reach_rank_0_says_so(monkeypatch):
    monkeypatch.setattr("hessianfree_lab.training.ranks.MEETING", timedelta(seconds=1))
    with listen(HERE, 1) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(
        LabError, match=f"Rank 1 does not reach rank 0 at 127.0.0.1:{port}: the nodes of a job"
    ):
        Ranks("cpu", Seat.on_one_machine(1, 2, port))
