"""The options of Hessian-free jobs: each is the part that it names."""

from itertools import pairwise

import pytest
import torch

from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.calibration import RayleighCalibration
from hessianfree.negative_curvature import StopThere, WarnAndGoOn
from hessianfree.optimizer import HessianFree
from hessianfree.preconditioners import GaussNewtonDiagonal, HutchinsonDiagonal, Nystrom
from hessianfree.records import Promise
from hessianfree.saddle_free import SaddleFree
from hessianfree.stopping import ForcingSequence, MartensProgress, RelativeProgress
from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.optimizers.methods import HessianFreeParams, method_from
from server.training.sessions import records_of, session

pytestmark = pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")

RECURRENT = {"cases": 60, "length": 10, "hidden_size": 6}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"curvature_opt": "hessian", "cg_max_iter": 7, "cg_decay_x0": 0.5, "reject_worse": True},
        {"use_cg_backtracking": False, "use_linesearch": False},
        {"adapt_damping": False},
    ],
)
def test_without_the_new_options_it_is_the_plain_constructor(options):
    plain = HessianFree([torch.zeros(1, requires_grad=True)], **options)
    assert method_from(HessianFreeParams(**options)) == plain.method


@pytest.mark.parametrize(
    ("options", "part", "expected"),
    [
        ({"cg_stop": "relative_progress"}, lambda m: type(m.solver.stopping[0]), RelativeProgress),
        ({"cg_stop": "martens"}, lambda m: type(m.solver.stopping[0]), MartensProgress),
        ({"cg_stop": "forcing"}, lambda m: type(m.solver.stopping[0]), ForcingSequence),
        ({"damping_least": 0.5}, lambda m: m.damping.least, 0.5),
        ({"damping_every": 5}, lambda m: m.damping.every, 5),
        ({"reduction_ratio": "undamped"}, lambda m: m.damping.promise, Promise.UNDAMPED),
        (
            {
                "preconditioner": "hutchinson",
                "preconditioner_probes": 3,
                "preconditioner_every": 2,
                "preconditioner_exponent": 0.5,
            },
            lambda m: m.preconditioner,
            HutchinsonDiagonal(probes=3, every=2, exponent=0.5),
        ),
        (
            {"preconditioner": "nystrom", "preconditioner_probes": 3, "preconditioner_every": 2},
            lambda m: m.preconditioner,
            Nystrom(rank=3, every=2),
        ),
        (
            {"preconditioner": "gauss_newton_diagonal", "preconditioner_probes": 3},
            lambda m: m.preconditioner,
            GaussNewtonDiagonal(probes=3, every=5),
        ),
        ({"cg_start": "augmented"}, lambda m: type(m.solver), AugmentedConjugateGradient),
        (
            {"cg_start": "augmented", "negative_curvature": "stop", "cg_max_iter": 7},
            lambda m: (m.solver.solver.max_iter, type(m.solver.solver.length)),
            (7, StopThere),
        ),
        ({"calibrate_damping": True}, lambda m: m.calibration, RayleighCalibration()),
        ({"preconditioner": "empirical_fisher"}, lambda m: m.preconditioner, None),
        ({"negative_curvature": "warn"}, lambda m: type(m.solver.length), WarnAndGoOn),
        ({"negative_curvature": "stop"}, lambda m: type(m.solver.length), StopThere),
        (
            {"negative_curvature": "trust_region", "trust_radius": 3.0, "cg_stop": "martens"},
            lambda m: (m.solver.radius, type(m.solver.cg.stopping[0]), m.warm_start),
            (3.0, MartensProgress, 0.0),
        ),
        (
            {"negative_curvature": "saddle_free"},
            lambda m: (m.solver, m.warm_start),
            (SaddleFree(iterations=30), 0.0),
        ),
        (
            {"negative_curvature": "saddle_free", "cg_max_iter": 8},
            lambda m: m.solver,
            SaddleFree(iterations=8),
        ),
        ({"structural_damping": 0.25}, lambda m: m.structure.weight, 0.25),
    ],
)
def test_an_option_is_the_part_that_it_names(options, part, expected):
    assert part(method_from(HessianFreeParams(**options))) == expected


@pytest.mark.parametrize("way", ["stop", "trust_region", "saddle_free"])
def test_the_hessian_of_a_saddle_leads_downhill(way):
    """Himmelblau's function has a saddle near (3.385, 0.074), and one negative eigenvalue around it."""
    options = {"curvature_opt": "hessian", "negative_curvature": way, "damping": 0.1}
    start = {"x": 3.38, "y": 0.1}
    spec_session = session(
        "himmelblau", steps=12, dtype="float64", problem_params=start, optimizer_params=options
    )
    records = records_of(spec_session)
    losses = [record.metrics["loss"] for record in records]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 1 < losses[0]
    assert records[0].metrics["negative_curvature"] < 0
    assert ("trust_radius" in records[0].metrics) == (way == "trust_region")


@pytest.mark.parametrize("preconditioner", ["hutchinson", "nystrom"])
def test_a_preconditioner_of_products_is_used_kept_and_paid_for(preconditioner):
    params = {"preconditioner": preconditioner, "preconditioner_probes": 4, "preconditioner_every": 3}
    traced = list(session("digits-classifier", steps=4, optimizer_params=params | {"cg_max_iter": 5}))
    for (record, trace), products in zip(traced, [4, 0, 0, 4], strict=True):
        assert trace.preconditioned
        starts = 0 if record.step == 1 else 1  # a warm start costs one
        assert record.metrics["curvature_products"] == record.metrics["cg_iterations"] + products + starts


@pytest.mark.parametrize("preconditioner", ["gauss_newton_diagonal", "kfac"])
def test_a_preconditioner_of_passes_is_used_and_paid_for(preconditioner):
    params = {"preconditioner": preconditioner, "preconditioner_every": 2, "cg_max_iter": 5}
    costs = []
    for record, trace in session("digits-classifier", steps=3, optimizer_params=params):
        metrics = record.metrics
        assert trace.preconditioned
        known = 1 + 4 / 3 * metrics["curvature_products"] + metrics["loss_evaluations"] / 3
        costs.append(metrics["gradient_equivalents"] - known)
    assert costs[0] > 0.5
    assert costs == pytest.approx([costs[0], 0, costs[0]], abs=1e-9)


@pytest.mark.parametrize("preconditioner", ["empirical_fisher", "kfac"])
def test_a_preconditioner_of_layers_needs_a_model(preconditioner):
    with pytest.raises(InvalidRequest, match="needs a problem with data") as refused:
        session("rosenbrock", optimizer_params={"preconditioner": preconditioner})
    assert refused.value.faults[0].path == "optimizer_params.preconditioner"


def test_all_of_it_together_learns_to_add():
    params = {
        "preconditioner": "kfac",
        "cg_start": "augmented",
        "cg_stop": "martens",
        "calibrate_damping": True,
        "structural_damping": 0.1,
    }
    records = records_of(session("addition", steps=8, problem_params=RECURRENT, optimizer_params=params))
    assert records[-1].metrics["loss_after"] < 0.7 * records[0].metrics["loss"]


def test_the_damping_moves_every_so_many_steps_down_to_its_least():
    params = {"damping_every": 2, "damping_least": 0.4, "damping": 1.0}
    dampings = [
        record.metrics["damping"]
        for record in records_of(session("quadratic", steps=7, optimizer_params=params))
    ]
    assert dampings == pytest.approx([1, 1, 4 / 9, 4 / 9, 0.4, 0.4, 0.4])


def test_a_judge_of_more_cases_sees_what_suits_the_batch_alone():
    """Twenty cases and a network that can learn them by heart: on others the loss rises while theirs falls."""
    dampings = []
    for share in (1, 8):
        params = {"judge_share": share, "damping": 0.01}
        problem = {"batch_size": 20, "hidden_size": 100}
        records = records_of(
            session("digits-classifier", steps=8, problem_params=problem, optimizer_params=params)
        )
        dampings.append(records[-1].metrics["damping"])
    assert dampings[1] > 1.4 * dampings[0]


def test_more_cases_hold_the_batch_and_others_and_leave_the_order_alone():
    task, plain = (
        session("digits-autoencoder", problem_params={"batch_size": 100}, dtype="float64").task
        for _ in range(2)
    )
    for _ in range(3):
        task.next_batch()
        plain.next_batch()
        _, outputs = task.forward_on(task.judges(2.5))
        assert len(outputs) == 250
        assert torch.allclose(outputs[:100], task.forward()[1])
        assert torch.equal(task.batch.inputs, plain.batch.inputs)
    everything, _ = task.forward_on(task.judges(1_000))
    whole = session("digits-autoencoder", dtype="float64").task
    assert everything.item() == pytest.approx(whole.forward()[0].item())


@pytest.mark.parametrize("problem", ["digits-classifier", "rosenbrock"])
def test_a_judge_needs_mini_batches(problem):
    with pytest.raises(InvalidRequest, match=r"judge_share = 4 needs batches of less than all cases"):
        session(problem, optimizer_params={"judge_share": 4})


def test_structural_damping_holds_on_to_the_hidden_states():
    """The first step, from one point: the more of it, the less the units' inputs change."""
    moved = []
    for weight in (0.0, 10.0, 1e3):
        params = {"structural_damping": weight, "damping": 1e-3, "use_linesearch": False}
        spec_session = session(
            "addition", steps=1, dtype="float64", problem_params=RECURRENT, optimizer_params=params
        )
        batch = spec_session.task.batch
        with torch.no_grad():
            _, before = batch.model(batch.inputs, with_states=True)
            list(spec_session)
            _, after = batch.model(batch.inputs, with_states=True)
        moved.append((after - before).norm().item())
    assert all(more > less for more, less in pairwise(moved))


def test_structural_damping_needs_a_recurrent_network():
    with pytest.raises(InvalidRequest, match="needs a problem with a recurrent network") as refused:
        session("digits-classifier", optimizer_params={"structural_damping": 1.0})
    assert refused.value.faults[0].path == "optimizer_params.structural_damping"


@pytest.mark.parametrize(("problem", "preconditioned"), [("digits-autoencoder", True), ("rosenbrock", False)])
def test_the_recommended_settings_are_those_of_the_library(problem, preconditioned):
    recorded = list(session(problem, "hessianfree-recommended", steps=3))
    task = session(problem).task
    model = task.batch.model if task.batch else None
    plain = HessianFree.recommended(task.parameters, model)
    for record, trace in recorded:
        task.next_batch()
        plain.step(task.forward)
        assert record.metrics["loss_after"] == plain.last_report.loss_after
        assert record.metrics["damping"] == plain.last_report.damping
        assert trace.preconditioned == preconditioned


def test_the_recommended_settings_judge_mini_batches_on_more():
    def ratios(**params):
        recorded = session(
            "digits-autoencoder",
            "hessianfree-recommended",
            steps=4,
            problem_params={"batch_size": 50},
            optimizer_params=params,
        )
        return [record.metrics["reduction_ratio"] for record, _ in recorded]

    assert ratios(judge_share=4) == ratios()
    assert ratios(judge_share=1) != ratios()


class TwoRanks:
    """A process group that is only asked for its size: what is refused is so before anything is exchanged."""

    def size(self):
        return 2


def test_a_step_of_fewer_cases_than_processes_is_refused():
    few = session(
        "digits-classifier", problem_params={"batch_size": 9}, optimizer_params={"curvature_share": 0.1}
    )
    with pytest.raises(
        InvalidRequest, match=r"resources.processes = 2: the least that a step looks at is 1 cases"
    ):
        few.driver.share(TwoRanks())
    with pytest.raises(InvalidRequest, match=r"resources.processes = 2: this problem has no cases to share"):
        session("rosenbrock").driver.share(TwoRanks())
