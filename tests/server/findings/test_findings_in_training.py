"""What is found in trainings that were really made: nothing to worry about in healthy ones, the truth in the others."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from hessianfree_lab.findings import Column, Recent, Record
from hessianfree_lab.records import CGTrace, JobSpec, StepRecord
from hessianfree_lab.training.errors import Diverged
from hessianfree_lab.training.session import Session
from server.findings.recorded import kinds

# Of some of what is found here the optimizer warns as well.
pytestmark = pytest.mark.filterwarnings(
    "ignore:(The reduction ratio|Directional curvature|No suitable|`update_vec`):UserWarning"
)

AUTOENCODER: dict[str, Any] = {"problem": "digits-autoencoder", "seed": 1}
PRECISE = {"dtype": "float64"}


def trained(spec: Mapping[str, Any], steps: int) -> Record:
    """The record of a training of so many steps, or fewer where it diverges."""
    job = JobSpec(**{**spec, "budget": {"steps": steps}})
    rows: list[StepRecord] = []
    trace: CGTrace | None = None
    try:
        for records in Session(job):
            rows += [found for found in records if isinstance(found, StepRecord)]
            trace = next((found for found in records if isinstance(found, CGTrace)), trace)
    except Diverged:
        pass
    columns = {}
    for name in {name for row in rows for name in row.metrics}:
        measured = [(row.step, row.metrics.get(name)) for row in rows]
        kept = [(step, value) for step, value in measured if value is not None and not isinstance(value, str)]
        columns[name] = Column(
            np.array([s for s, _ in kept]), np.array([v for _, v in kept], dtype=np.float64)
        )
    return Record(
        columns=columns,
        recent=Recent(
            steps=np.array([row.step for row in rows]),
            seconds=np.array([row.seconds for row in rows]),
            moments=np.array([row.wall_time.timestamp() for row in rows]),
            stops=tuple(str(row.metrics["cg_stop"]) if "cg_stop" in row.metrics else None for row in rows),
        ),
        spec=job.model_dump(mode="json"),
        ritz_values=tuple(trace.ritz_values) if trace else (),
        ritz_step=trace.step if trace else None,
    )


@pytest.mark.parametrize(
    ("spec", "steps"),
    [
        (AUTOENCODER | {"optimizer_params": {"cg_max_iter": 40}}, 12),
        (AUTOENCODER | {"optimizer": "hessianfree-recommended"}, 20),
        (AUTOENCODER | {"optimizer": "adam"}, 200),
        (AUTOENCODER | {"optimizer": "adam", "problem_params": {"batch_size": 100}}, 300),
        (AUTOENCODER | {"optimizer": "lbfgs"}, 60),
        ({"problem": "rosenbrock"} | PRECISE, 40),
        ({"problem": "rosenbrock"}, 60),  # single precision: rounding at the end
        ({"problem": "rosenbrock", "optimizer": "adam"}, 300),
        ({"problem": "quadratic"}, 30),
        ({"problem": "quadratic", "optimizer": "lbfgs"}, 30),
        ({"problem": "quadratic", "optimizer": "adam"}, 300),
        ({"problem": "beale", "optimizer_params": {"curvature_opt": "hessian"}} | PRECISE, 40),
    ],
    ids=lambda value: (
        f"{value.get('optimizer', 'hessianfree')} on {value['problem']}"
        if isinstance(value, dict)
        else str(value)
    ),
)
def test_a_healthy_training_is_no_reason_to_worry(spec: dict[str, Any], steps: int) -> None:
    assert set(kinds(trained(spec, steps)).values()) <= {"note"}


@pytest.mark.parametrize(
    ("spec", "steps", "expected"),
    [
        (
            {"problem": "quadratic", "optimizer": "sgd", "optimizer_params": {"lr": 1000.0}},
            50,
            {"not-finite": "problem"},
        ),
        (
            {"problem": "quadratic", "optimizer": "sgd", "optimizer_params": {"lr": 1000.0}},
            4,
            {"loss-grows": "problem"},
        ),
        (
            {"problem": "himmelblau", "optimizer_params": {"curvature_opt": "hessian"}},
            40,
            {"search-fails": "warning", "negative-curvature": "warning"},
        ),
        (
            AUTOENCODER | {"problem_params": {"batch_size": 30}, "optimizer_params": {"cg_max_iter": 40}},
            40,
            {"batch-noise": "warning"},
        ),
        ({"problem": "digits-classifier", "seed": 1}, 40, {"overfitting": "warning"}),
    ],
    ids=["diverged", "diverging", "uphill", "batches", "by heart"],
)
def test_an_ill_training_is_told_what_ails_it(
    spec: dict[str, Any], steps: int, expected: dict[str, str]
) -> None:
    found = kinds(trained(spec, steps))
    assert {kind: severity for kind, severity in found.items() if severity != "note"} == expected
