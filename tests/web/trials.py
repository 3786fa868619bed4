"""A sweep's trials, and what is drawn of them."""

import json
from typing import Any

import plotly.graph_objects as go

from hessianfree_lab.figures import as_json
from hessianfree_lab.figures.sweeps import Study, sweep_figure
from hessianfree_lab.records.sweeps import SweepSpec, Trial
from server.makers import sweep

DAMPING, ROUNDS, KIND = "optimizer_params.damping", "optimizer_params.cg_max_iter", "problem_params.<kind>"
SPACE: dict[str, Any] = {
    DAMPING: {"low": 1e-2, "high": 1e2, "log": True},
    ROUNDS: {"low": 1, "high": 9},
    KIND: ["<b>", None, True],
}


def spec(**objective: Any) -> SweepSpec:
    return sweep(search={"method": "random", "trials": 9, "space": SPACE}, objective=objective)


def trial(
    number: int, value: float | None, damping: float, rounds: int = 1, kind: Any = None, **more: Any
) -> Trial:
    state = "failed" if value is None else "completed"
    params = {DAMPING: damping, ROUNDS: rounds, KIND: kind}
    return Trial.model_validate(
        {"number": number, "params": params, "state": state, "value": value, "runs": []} | more
    )


TRIALS = [
    trial(0, 5.0, 1.0, 3, "<b>"),
    trial(1, None, 0.01, 9),
    trial(2, 0.5, 10.0, 5, True),
    trial(3, 2.0, 100.0, 5),
    trial(4, 0.05, 9.0, 9, "<b>"),
    trial(5, None, 1.0, state="running"),
]


def drawn(
    name: str, trials: Any = TRIALS, objective: dict[str, Any] | None = None, **asked: Any
) -> dict[str, Any]:
    study = Study(spec=spec(**objective or {}), trials=trials, **asked)
    found = json.loads(json.dumps(as_json(sweep_figure(name).draw(study)), allow_nan=False))
    go.Figure(found)  # raises for what Plotly does not know
    return found  # type: ignore[no-any-return]


def named(figure: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [trace for trace in figure["data"] if trace["name"] == name]
    return found
