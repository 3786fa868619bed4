"""What each process of a job is told on a Ray cluster, and what it takes of it."""

import pytest

from hessianfree_lab.records import JobSpec
from hessianfree_lab.worker.executors.needs import Needs
from hessianfree_lab.worker.executors.outpost import Mission, Place
from hessianfree_lab.worker.executors.ray_job import missions_at

SPEC = {"problem": "digits-classifier", "optimizer": "hessianfree"}


def needs(*, cpus=2, has_gpus=True, **spec):
    return Needs.of(JobSpec(**SPEC, **spec), cpus=cpus, has_gpus=has_gpus)


def place(node, *gpus):
    return Place(node=node, name=f"host-{node}", address=f"10.0.0.{node}", gpus=gpus)


def told(places, each):
    mission = Mission(version="1", assignment=None, earlier=b"", variables={"MINE": "1"}, problems_here=False)
    return list(missions_at(places, mission, each))


@pytest.mark.parametrize(
    ("spec", "expected", "words"),
    [
        ({}, (1, 2, 1), "1 process with 2 CPUs and 1 GPU"),
        ({"device": "cpu"}, (1, 2, 0), "1 process with 2 CPUs and 0 GPUs"),
        ({"resources": {"processes": 3}}, (3, 2, 0), "3 processes with 2 CPUs and 0 GPUs each"),
        (
            {"device": "cuda", "resources": {"processes": 4, "gpus": 4}},
            (4, 2, 1),
            "4 processes with 2 CPUs and 1 GPU each",
        ),
    ],
)
def test_what_each_process_needs(spec, expected, words):
    found = needs(**spec)
    assert ((found.processes, found.cpus, found.gpus), str(found)) == (expected, words)


def test_how_many_of_them_a_node_has_room_for():
    assert [needs(device="cpu").places(cpus, 0) for cpus in (1, 2, 5)] == [0, 1, 1]
    pair = needs(resources={"processes": 2, "gpus": 2})
    assert [pair.places(*node) for node in ((8, 0), (8, 1), (8, 3), (2, 3))] == [0, 1, 3, 1]


def test_a_single_process_knows_of_no_others():
    (alone,) = told([place(1, "0")], needs())
    assert alone.seat is None
    assert alone.variables == {"OMP_NUM_THREADS": "2", "MINE": "1"}


def test_ranks_on_several_nodes_are_told_what_torchrun_would_tell():
    each = needs(resources={"processes": 3, "gpus": 3})
    missions = told([place(1, "4"), place(2, "0"), place(1, "2")], each)
    seats = [mission.found_at(4000).seat.variables() for mission in missions]
    common = {"WORLD_SIZE": "3", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "4000"}
    assert seats == [
        common | {"RANK": rank, "LOCAL_RANK": local, "LOCAL_WORLD_SIZE": size}
        for rank, local, size in (("0", "0", "2"), ("1", "0", "1"), ("2", "1", "2"))
    ]
    assert [mission.variables for mission in missions] == [
        {"OMP_NUM_THREADS": threads, "CUDA_VISIBLE_DEVICES": gpus, "MINE": "1"}
        for threads, gpus in (("4", "4,2"), ("2", "0"), ("4", "4,2"))
    ]


def test_ranks_on_one_node_meet_where_nobody_else_comes():
    each = needs(resources={"processes": 2}, has_gpus=False)
    missions = told([place(7), place(7)], each)
    assert {mission.seat.host for mission in missions} == {"127.0.0.1"}
    assert {mission.variables["CUDA_VISIBLE_DEVICES"] for mission in missions} == {""}
