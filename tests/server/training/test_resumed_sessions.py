"""An interrupted run that is taken up again is, on the CPU, the uninterrupted one to the bit."""

import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch

from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.errors import CheckpointRefused, Diverged
from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.session import Session
from server.training import resumption
from server.training.resumption import facts, keep, parameters, taken_up
from server.training.sessions import PAIRS, SMALL, params_for

# Hessian-free says so when a step's model misled it; the metrics say it too.
pytestmark = pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")

STEPS, BEFORE = 5, 2

CLASSIFIER = {"problem": "digits-classifier", "problem_params": {"batch_size": 300, "hidden_size": 8}}
RECURRENT = {"problem": "addition", "problem_params": SMALL["addition"] | {"batch_size": 10}}

# What one step hands to the next, beside the damping and the start of CG, and what it draws.
CASES = {
    "judged on more": CLASSIFIER | {"optimizer_params": {"judge_share": 3, "damping": 0.1}},
    "judged on more, recommended": CLASSIFIER | {"optimizer": "hessianfree-recommended", "dtype": "float64"},
    "in double precision": CLASSIFIER | {"dtype": "float64"},
    "with spectra": CLASSIFIER | {"record": {"spectrum": 2}},
    "with slices": CLASSIFIER | {"record": {"slices": 2}},
    "damping every four steps": CLASSIFIER | {"optimizer_params": {"damping_every": 4}},
    "a damping that is found": CLASSIFIER | {"optimizer_params": {"calibrate_damping": True}},
    "trust region": CLASSIFIER | {"optimizer_params": {"negative_curvature": "trust_region"}},
    "saddle-free": CLASSIFIER
    | {"optimizer_params": {"negative_curvature": "saddle_free", "curvature_opt": "hessian"}},
    "augmented": CLASSIFIER | {"optimizer_params": {"cg_start": "augmented", "cg_max_iter": 5}},
    "structural damping": RECURRENT | {"optimizer_params": {"structural_damping": 0.5}},
    "adam, amsgrad": CLASSIFIER | {"optimizer": "adam", "optimizer_params": {"amsgrad": True}},
    "sgd, momentum": CLASSIFIER
    | {"optimizer": "sgd", "optimizer_params": {"momentum": 0.9, "nesterov": True}},
    "sgd, everything scheduled": CLASSIFIER
    | {
        "optimizer": "sgd",
        "optimizer_params": {
            "lr_schedule": "cosine",
            "lr_warmup": 0.5,
            "momentum": 0.9,
            "momentum_schedule": "growing",
            "momentum_period": 2,
            "momentum_at_end": 0.1,
            "momentum_end_share": 0.4,
        },
    },
    "muon, by steps": CLASSIFIER
    | {"optimizer": "muon", "optimizer_params": {"lr_schedule": "step", "lr_steps": 4}},
    "soap, eigenvectors renewed": CLASSIFIER
    | {"optimizer": "soap", "optimizer_params": {"precondition_frequency": 2, "precondition_1d": True}},
    "kfac kept for two steps": CLASSIFIER
    | {"optimizer": "kfac", "optimizer_params": {"refresh_every": 2, "damping_every": 3}},
    "a share that grows": CLASSIFIER
    | {"optimizer": "hessianfree-sutskever2013", "optimizer_params": {"judge_share": 2}},
    "curvature on a part": CLASSIFIER | {"optimizer_params": {"curvature_share": 0.2, "judge_share": 2}},
    "batches that grow": CLASSIFIER | {"optimizer_params": {"batch_growth": 1.5, "curvature_share": 0.5}},
    "lbfgs, batches": CLASSIFIER | {"optimizer": "lbfgs", "optimizer_params": {"max_iter": 3}},
    "lbfgs, all cases": {"problem": "rosenbrock", "optimizer": "lbfgs", "dtype": "float64"},
    **{
        f"{name} kept for four steps": CLASSIFIER
        | {
            "optimizer_params": {
                "preconditioner": name,
                "preconditioner_every": 4,
                "preconditioner_probes": 3,
                "damping": 0.1,
            }
        }
        for name in ("hutchinson", "gauss_newton_diagonal", "nystrom", "kfac", "empirical_fisher")
    },
}


def spec_of(fields, steps=STEPS):
    return JobSpec(budget={"steps": steps}, **fields)


def assert_resumes_exactly(fields, directory):
    uninterrupted = Session(spec_of(fields))
    expected = facts(uninterrupted)
    assert len(expected) == STEPS

    interrupted = Session(spec_of(fields))
    first = facts(interrupted, BEFORE)
    keep(interrupted, directory)
    resumed = taken_up(spec_of(fields), directory)
    assert (resumed.step, resumed.seconds) == (BEFORE, interrupted.seconds)
    assert first + facts(resumed) == expected
    assert torch.equal(parameters(resumed), parameters(uninterrupted))


@pytest.mark.parametrize(("problem", "optimizer"), PAIRS)
def test_every_optimizer_goes_on_to_the_bit_on_every_problem(problem, optimizer, tmp_path):
    fewer = {"hidden_size": 10} if problem == "digits-autoencoder" else {}
    params = params_for(problem, optimizer) | fewer
    few = {"cg_max_iter": 20} if optimizer == "hessianfree" else {}
    fields = {"problem": problem, "optimizer": optimizer, "problem_params": params, "optimizer_params": few}
    assert_resumes_exactly(fields, tmp_path)


@pytest.mark.parametrize("case", CASES)
def test_whatever_a_step_hands_to_the_next_is_kept(case, tmp_path):
    assert_resumes_exactly(CASES[case], tmp_path)


def test_another_process_goes_on_to_the_bit(tmp_path):
    chosen = ["judged on more, recommended", "nystrom kept for four steps", "lbfgs, batches", "adam, amsgrad"]
    expected, directories = [], []
    for case in chosen:
        session = Session(spec_of(CASES[case]))
        facts(session, BEFORE)
        directory = tmp_path / case
        keep(session, directory)
        (directory / "spec.json").write_text(session.spec.model_dump_json())
        directories.append(str(directory))
        expected.append([facts(session), parameters(session).tolist()])
    arguments = [sys.executable, str(Path(resumption.__file__)), *directories]
    printed = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=200).stdout
    assert json.loads(printed) == expected


def test_a_run_interrupted_after_every_step_is_the_same_run(tmp_path):
    fields = CASES["kfac kept for four steps"]
    uninterrupted, found = Session(spec_of(fields)), []
    session = Session(spec_of(fields))
    for attempt in range(STEPS):
        found += facts(session, 1)
        keep(session, tmp_path, attempt=attempt + 1)
        session = taken_up(spec_of(fields), tmp_path)
    assert found == facts(uninterrupted)
    assert torch.equal(parameters(session), parameters(uninterrupted))


@pytest.fixture
def threads():
    """Sets the number of torch's threads, for the test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("optimizer", ["hessianfree-recommended", "adam"])
def test_a_run_goes_on_with_as_many_threads_as_it_began_with(optimizer, threads, tmp_path):
    fields = {"problem": "digits-autoencoder", "optimizer": optimizer}
    threads(2)
    uninterrupted = Session(spec_of(fields))
    facts(uninterrupted, BEFORE)
    keep(uninterrupted, tmp_path)
    facts(uninterrupted)
    threads(1)
    resumed = taken_up(uninterrupted.spec, tmp_path)
    facts(resumed)
    assert torch.equal(parameters(resumed), parameters(uninterrupted))


@pytest.mark.parametrize("case", ["judged on more", "lbfgs, batches", "adam, amsgrad"])
def test_a_state_neither_disturbs_the_run_nor_changes_with_it(case):
    plain, kept = Session(spec_of(CASES[case])), Session(spec_of(CASES[case]))
    states, found = [kept.state()], []
    for step in range(STEPS):
        found += facts(kept, 1)
        states.append(kept.state())
        assert states[-1].step == step + 1
    expected = facts(plain)
    assert found == expected
    for step in (0, 2, 4):  # taken long ago, and used twice
        for _ in range(2):
            again = Session(spec_of(CASES[case]))
            again.restore(states[step])
            assert facts(again) == expected[step:]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_on_a_gpu_goes_on_there(optimizer, tmp_path):
    """As it would have but for the rounding of kernels that do not repeat."""
    fields = CLASSIFIER | {"optimizer": optimizer, "device": "cuda", "dtype": "float64"}
    session = Session(spec_of(fields))
    facts(session, BEFORE)
    keep(session, tmp_path)
    resumed = taken_up(session.spec, tmp_path)
    assert len(facts(resumed)) == len(facts(session)) == STEPS - BEFORE
    torch.testing.assert_close(parameters(resumed), parameters(session))


def test_the_generators_of_the_process_go_on_where_they_were():
    """Whatever draws from them: a problem of one's own may."""

    def drawn():
        return [torch.rand(3).tolist(), random.random(), random.gauss(0, 1), numpy.random.standard_normal()]

    session = Session(spec_of(CLASSIFIER))
    random.gauss(0, 1)  # the other half of a pair is kept for the next call
    numpy.random.standard_normal()
    state, expected = session.state(), drawn()
    other = Session(spec_of(CLASSIFIER))
    other.restore(state)
    assert drawn() == expected


def test_a_state_of_another_job_is_refused():
    state = Session(spec_of(CLASSIFIER)).state()
    with pytest.raises(CheckpointRefused, match="of another job"):
        Session(spec_of(CLASSIFIER | {"seed": 1})).restore(state)
    Session(spec_of(CLASSIFIER | {"notes": "read again"}, steps=9)).restore(state)


def test_a_state_that_is_laid_out_otherwise_is_refused():
    """As another version may have done, without telling so by the format."""
    state = Session(spec_of(CLASSIFIER)).state()
    plain = dict(state.plain)
    for changed in (
        {"driver": {}},
        {"budget": plain["budget"] | {"epochs": 3}},
        {"task": {"parameters": []}},
        {"evaluation": 3.0},
    ):
        with pytest.raises(CheckpointRefused, match="this version cannot make sense of it"):
            Session(spec_of(CLASSIFIER)).restore(replace(state, plain=plain | changed))


def test_a_run_that_was_over_stays_over(tmp_path):
    session = Session(spec_of(CLASSIFIER, steps=2))
    facts(session)
    keep(session, tmp_path)
    assert facts(taken_up(session.spec, tmp_path)) == []


def test_a_run_that_had_diverged_still_has(tmp_path):
    fields = {"problem": "rosenbrock", "optimizer": "sgd", "optimizer_params": {"lr": 1e6}}
    session = Session(spec_of(fields, steps=100))
    for record, *_ in session:
        if record.metrics["loss"] == float("inf"):
            break
    keep(session, tmp_path)
    assert session.step < 100
    with pytest.raises(Diverged, match=f"at step {session.step}"):
        facts(taken_up(session.spec, tmp_path))
