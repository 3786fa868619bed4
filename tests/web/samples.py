"""What a run may have recorded, as figures take it and as it is sent to a server."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import plotly.graph_objects as go

from hessianfree_lab.figures import Curve, Kind, Material, as_json
from hessianfree_lab.records import CGTrace, KeptIterate, Landscape, SlicePoint, Trial
from hessianfree_lab.records.series import Series
from server.makers import spectrum

HESSIAN_FREE: Mapping[str, Sequence[Any]] = {
    "loss": [4.0, 2.0, 1.0, 0.5],
    "loss_after": [2.0, 1.0, 0.5, 0.25],
    "eval_loss": [4.5, None, None, 0.75],
    "damping": [1.0, 1.5, 1.0, 2 / 3],
    "reduction_ratio": [0.5, 0.1, 0.9, 7.0],
    "cg_iterations": [3.0, 12.0, 250.0, 4.0],
    "cg_stop": ["Convergence (Martens)", "Convergence (Martens)", "Number of iterations", "Something new"],
    "cg_chosen_iteration": [3.0, 10.0, 250.0, 4.0],
    "step_scale": [1.0, 0.0, 0.8, 1.0],
    "accepted": [True, False, True, True],
    "gradient_norm": [9.0, 3.0, 1.0, math.nan],
    "step_norm": [1.0, 0.0, 0.5, 0.25],
    "step_angle": [40.0, None, 80.0, 91.0],
    "predicted_reduction": [4.0, 10.0, 1.0, 0.1],
    "actual_reduction": [2.0, 1.0, 0.9, -0.7],
    "ritz_largest": [9.0, 8.0, 90.0, 7.0],
    "ritz_smallest": [1.0, 2.0, 0.5, -0.5],
    "ritz_condition": [9.0, 4.0, 180.0, None],
    "curvature_products": [4.0, 13.0, 251.0, 5.0],
    "loss_evaluations": [3.0, 9.0, 4.0, 3.0],
    "seconds_gradient": [0.1, 0.1, 0.1, 0.1],
    "seconds_cg": [0.5, 1.0, 9.0, 0.5],
    "seconds_search": [0.1, 0.4, 0.1, 0.1],
    "seconds_rest": [0.0, 0.0, 0.0, 0.0],
    "peak_memory_bytes": [1e9, 1.5e9, 1.5e9, 1.5e9],
    "parameter_norm": [5.0, 5.0, 13.0, 13.0],
    "parameter_norm.10": [4.0, 4.0, 12.0, 12.0],
    "parameter_norm.2": [3.0, 3.0, 5.0, 5.0],
    "x": [-1.2, -1.0, 0.5, math.nan],
    "y": [1.0, 1.1, 0.2, 0.0],
}


def curve_of(
    values: Mapping[str, Sequence[Any]], *, run: str = "run-a", x_name: str = "step", colour: int = 0
) -> Curve:
    """A run's curve; x counts 10, 20, ... where it is not the step."""
    rows = max((len(column) for column in values.values()), default=0)
    steps = list(range(1, rows + 1))
    x = [float(step) if x_name == "step" else 10.0 * step for step in steps]
    columns = {name: list(column) for name, column in values.items()}
    series = Series(x_name, list(x), steps, columns, rows)
    return Curve(run=run, name=f"name of {run}", attempt=2, series=series, colour=colour)


LANDSCAPE = Landscape(x=[-2, 0, 2], y=[-1, 0, 1], z=[[5, 4, math.nan], [3, 1, 2], [9, 8, 7]], minima=[(0, 0)])
TRACE = CGTrace(
    step=7,
    stop="Convergence (Martens)",
    damping=0.5,
    model_values=[0.0, -1.0, -1.5],
    residual_norms=[4.0, 1.0, math.inf],
    kept=[KeptIterate(iteration=1, loss=3.0), KeptIterate(iteration=2)],
    chosen_iteration=1,
    ritz_values=[0.5, 2.0],
    line_search=[Trial(scale=1.0, loss=3.0), Trial(scale=0.8, loss=2.0)],
    slice=[
        SlicePoint(scale=-0.5, loss=5.0, model=4.5),
        SlicePoint(scale=0.0, loss=4.0, model=4.0),
        SlicePoint(scale=2.0, loss=math.inf, model=2.5),
    ],
)
SPECTRUM = spectrum(
    7,
    dimension=1_000,
    largest=80.0,
    smallest=-10.0,
    trace=300.0,
    trace_error=12.0,
    nodes=[-10.0, -0.1, 0.2, 80.0],
    weights=[0.001, 0.099, 0.898, 0.002],
)
FULL = Material(curves=(curve_of(HESSIAN_FREE),), landscape=LANDSCAPE, trace=TRACE, spectrum=SPECTRUM)


def drawn(kind: Kind, material: Material) -> dict[str, Any]:
    """The figure as a browser gets it: JSON without NaN, which Plotly itself accepts."""
    parts = json.loads(json.dumps(as_json(kind.draw(material)), allow_nan=False))
    go.Figure(parts)
    return parts  # type: ignore[no-any-return]


def traces(figure: dict[str, Any], metric: str, **meta: Any) -> list[dict[str, Any]]:
    wanted = {"metric": metric} | meta
    return [
        trace
        for trace in figure["data"]
        if wanted.items() <= trace.get("meta", {}).items()
        and trace["meta"].get("marks", False) == meta.get("marks", False)
    ]


def record(
    http: httpx.Client, *, name: str = "a run", steps: Sequence[Mapping[str, Any]] = (), **script: Any
) -> str:
    """A script's run with these steps; its id."""
    run = http.post("/api/v1/runs", json={"name": name, "problem": "p", "optimizer": "o"} | script)
    assert run.status_code == 201, run.text
    run_id: str = run.json()["id"]
    batch = {"attempt": 1, "steps": [{"step": step} | dict(row) for step, row in enumerate(steps, start=1)]}
    sent = http.post(f"/api/v1/runs/{run_id}/records", json=batch)
    assert sent.status_code == 200, sent.text
    return run_id
