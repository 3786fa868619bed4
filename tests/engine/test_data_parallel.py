"""Steps by ranks that share the data: as one process takes them, the same to the bit, and ended together."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.crew import LOST, Crew, launched
from engine.mishaps import (
    budget,
    copied,
    destroyed,
    die_in_a_step,
    disagree,
    drift,
    factors,
    moved,
    run_out_of_time,
    sleep_in_a_step,
    stumble,
)
from engine.sharing import SETTINGS, Course, take
from hessianfree import HessianFree
from hessianfree.curvature.memory import GraphMemory
from hessianfree.errors import RankError
from hessianfree.preconditioners.estimates import own_generator

# Twelve cases among the ranks: two of the three, or all of them.
SHARES = {"two": (9, 3), "three": (2, 7, 3)}


@pytest.fixture(scope="module")
def crew(tmp_path_factory):
    crew = Crew(3, tmp_path_factory.mktemp("crew"))
    yield crew
    crew.close()


def agrees_with_one_process(crew, course, shares):
    """See that all ranks' steps are one process's, to rounding, and each other's to the bit."""
    alone = take(course)
    first, *others = crew(take, course, shares)[: len(shares)]
    if isinstance(first, Exception):
        raise first
    torch.testing.assert_close(first.parameters, alone.parameters, rtol=1e-10, atol=1e-10)
    for ours, theirs in zip(first.reports, alone.reports, strict=True):
        assert ours.cg_stop == theirs.cg_stop
        for name in DETERMINED:
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-8, abs=1e-10), name
    assert len(first.slices) == len(alone.slices)
    for other in others:
        assert torch.equal(other.parameters, first.parameters)
        assert [determined(report) for report in other.reports] == [determined(r) for r in first.reports]
        assert other.slices == first.slices


DETERMINED = (
    *(
        "loss",
        "loss_after",
        "gradient_norm",
        "damping",
        "reduction_ratio",
        "step_scale",
        "step_norm",
        "accepted",
    ),
    *(
        "cg_iterations",
        "cg_chosen_iteration",
        "curvature_products",
        "loss_evaluations",
        "gradient_equivalents",
    ),
)


def determined(report):
    """What does not depend on how fast or large a process is."""
    unlike = {"seconds_gradient", "seconds_cg", "seconds_search", "peak_memory_bytes"}
    return {name: value for name, value in dataclasses.asdict(report).items() if name not in unlike}


@pytest.mark.parametrize("shares", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("way", ["step", "acc_step"])
@pytest.mark.parametrize("setting", ["plain", "hessian"])
def test_ranks_take_the_steps_of_one_process(crew, setting, way, shares):
    agrees_with_one_process(crew, Course(setting=setting, way=way), shares)


@pytest.mark.parametrize("setting", sorted(SETTINGS.keys() - {"plain", "hessian"}))
def test_every_way_to_take_a_step_can_be_shared(crew, setting):
    way = "step" if setting in ("recorded", "structured") else "acc_step"
    agrees_with_one_process(crew, Course(setting=setting, way=way), SHARES["three"])


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_sums_are_added_and_not_weighed(crew, way):
    agrees_with_one_process(crew, Course(setting="short", problem="mse-sum", way=way), SHARES["three"])


@pytest.mark.parametrize("way", ["step", "acc_step"])
def test_a_judge_is_shared_by_shares_of_its_own(crew, way):
    agrees_with_one_process(crew, Course(way=way, judged=True, groups=True), SHARES["three"])


def test_a_cg_iteration_is_one_exchange_of_a_vector(crew):
    """One all-reduce each for the gradient, every product and every loss, besides a first meeting; no more numbers."""
    for few, many in zip(crew(moved, 2), crew(moved, 6), strict=True):
        sizes, reads, P = many
        row = 4  # of a rank, in every exchange
        assert {name for name, _ in sizes} == {"c10d::allreduce_"}
        meeting, gradient, *products, loss = [size for _, size in sizes]
        assert products == [P + 3 * row] * 6
        assert (meeting, gradient, loss) == (3 * row, P + 3 * (row + 8), 3 * (row + 2))
        assert reads - few[1] <= 2 * 4


# In the gradient, in a product, and in the last of all losses.
@pytest.mark.parametrize("at", [2, 7, None])
def test_a_rank_that_raises_takes_the_others_along(crew, at):
    last = crew(stumble, None)[1][3]
    answers = crew(stumble, at or last)
    assert isinstance(answers[1][0], ArithmeticError)
    for rank in (0, 2):
        with pytest.raises(
            RankError, match=r"could not do its share .*rank 1: ArithmeticError: one case too many"
        ):
            raise answers[rank][0]
    start, after = take(Course(steps=0)).parameters, take(Course(steps=1, way="acc_step")).parameters
    for _, between, end, _ in answers:
        assert torch.equal(between, start)
        torch.testing.assert_close(end, after, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ("parameters", "do not have the same numbers"),
        (
            "damping",
            r"not at the same place.*rank 0: .*'damping': 1.0.*rank 2: .*'damping': 2.0",
        ),
        ("dimension", r"not at the same place.*rank 0: 43 parameters.*rank 2: 27 parameters"),
    ],
)
def test_ranks_that_differ_say_so(crew, about, told):
    for answer in crew(disagree, about):
        with pytest.raises(RankError, match=told):
            raise answer


def test_a_share_without_cases_is_refused_on_all_ranks(crew):
    *others, refusing = crew(disagree, "cases")
    with pytest.raises(ValueError, match="in a process group a rank weighs as much as it has cases"):
        raise refusing
    for answer in others:
        with pytest.raises(RankError, match="rank 2: ValueError: in a process group a rank weighs"):
            raise answer


def test_ranks_that_drift_apart_by_a_bit_stop(crew):
    for answer in crew(drift):
        with pytest.raises(RankError, match=r"do not have the same numbers.*product"):
            raise answer


def test_the_first_rank_whose_time_is_up_ends_the_solve_on_all(crew):
    answers = crew(run_out_of_time)
    assert [answer[:2] for answer in answers] == [("Deadline", 4)] * 3
    assert all(torch.equal(answer[2], answers[0][2]) for answer in answers)


def test_what_looks_into_the_model_looks_at_all_shares(crew):
    memory, _, fisher, spectrum = factors()
    answers = crew(factors, SHARES["three"])
    for found, parameters, same_fisher, same_spectrum in answers:
        for name in ("A0", "A1"):
            torch.testing.assert_close(found[name], memory[name], rtol=1e-10, atol=1e-10)
        # The slopes that arrive at the outputs are random in their signs alone.
        torch.testing.assert_close(found["G1"].diagonal(), memory["G1"].diagonal(), rtol=1e-10, atol=1e-10)
        assert all(torch.equal(found[name], answers[0][0][name]) for name in found)
        assert torch.equal(parameters, answers[0][1])
        torch.testing.assert_close(same_fisher, fisher, rtol=1e-10, atol=1e-10)
        assert same_spectrum.largest == pytest.approx(spectrum.largest, rel=1e-10)


def test_ranks_draw_for_their_own_data():
    first, again, second = (own_generator(torch.Generator().manual_seed(5), rank) for rank in (0, 0, 1))
    drawn = [torch.rand(9, generator=generator) for generator in (first, again, second)]
    assert torch.equal(drawn[0], torch.rand(9, generator=torch.Generator().manual_seed(5)))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_copies_share_on_and_pickles_are_refused(crew):
    after = take(Course(steps=1)).parameters
    for rank, (parameters, refusal, printed) in enumerate(crew(copied)):
        torch.testing.assert_close(parameters, after, rtol=1e-10, atol=1e-10)
        assert "save its state_dict" in refusal
        assert printed.startswith("step 1: loss") if rank == 0 else printed == ""


def test_a_group_that_is_destroyed_is_let_go_of(crew):
    """Else torch would end the process by an abort."""
    for group, refusal in crew(destroyed):
        assert group is None
        assert "process_group has been destroyed" in refusal


def test_the_world_that_is_destroyed_is_let_go_of(tmp_path):
    """Else its threads would go on, and now and then abort the process at its end."""
    script = f"""
import weakref
import torch
import torch.distributed as dist
from hessianfree import HessianFree

dist.init_process_group("gloo", init_method="file://{tmp_path / "store"}", rank=0, world_size=1)
world = weakref.ref(dist.group.WORLD)
model, loss_function, batch = torch.nn.Linear(5, 2), torch.nn.MSELoss(), (torch.randn(9, 5), torch.randn(9, 2))
optimizer = HessianFree(model.parameters(), process_group=dist.group.WORLD)
optimizer.step(lambda: (loss_function(outputs := model(batch[0]), batch[1]), outputs), cases=9)
optimizer.acc_step(model, loss_function, [batch])
dist.destroy_process_group()
print(world())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


def test_processes_that_have_not_met_are_told(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "run")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.warns(UserWarning, match=r"has started 2 processes, but process_group is None") as told:
        HessianFree([torch.nn.Parameter(torch.ones(2))])
    assert told[0].filename == __file__
    monkeypatch.setenv("WORLD_SIZE", "1")
    HessianFree([torch.nn.Parameter(torch.ones(2))])


def test_graphs_of_neighbours_share_the_memory_of_the_machine(crew):
    alone = GraphMemory(None).budget(torch.device("cpu"))
    assert crew(budget, 3) == [alone // 3] * 3


def test_the_script_in_the_documentation_runs_on_any_number_of_processes():
    page = (Path(__file__).parents[2] / "docs" / "data-parallel.md").read_text()
    script = page.partition("```python\n")[2].partition("```")[0]
    ((alone,), (first, second)) = (launched(script, size) for size in (1, 2))
    assert first == second
    for ours, theirs in zip(first, alone, strict=True):  # ten steps in float32, each to rounding
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-2, atol=1e-2)


def test_only_a_process_group_is_one():
    with pytest.raises(
        TypeError, match=r"process_group must be a process group of torch.distributed.*'world'"
    ):
        HessianFree([torch.nn.Parameter(torch.ones(2))], process_group="world")


def test_a_rank_that_dies_or_hangs_ends_the_others(tmp_path):
    crew = Crew(3, tmp_path, timeout=5.0)
    *waiting, dead = crew(die_in_a_step)
    assert dead == LOST
    for seconds, told in waiting:
        assert "of 3 lost the others at loss (exchange" in told
        assert seconds < 60
    waiting, asleep, _ = crew(sleep_in_a_step, 10.0)
    for seconds, told in (waiting, asleep):
        assert "of 2 lost the others at loss (exchange" in told
        assert "did not come within the timeout" in told
        assert seconds < 60
    crew.close()
