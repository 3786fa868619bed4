"""Whatever was recorded and whatever is asked about it: no answer is that something went wrong in the server."""

import math
from typing import Any

import pytest

from hessianfree_lab.figures import FIGURES
from hessianfree_lab.records import ScriptRun, StepRecord
from hessianfree_lab.store import Store
from server.api.in_process import InProcess
from server.makers import batch, step, trace

HUGE = 10**400  # an integer that no float is as large as; JSON has room for it
ODD = [HUGE, math.nan, -HUGE, 1e308, -1e308, 0, -1, math.inf, "text", True, None, "a\0b", 5e-324]
METRICS = (
    "loss",
    "eval_loss",
    "eval_error",
    "damping",
    "reduction_ratio",
    "gradient_norm",
    "step_norm",
    "cg_iterations",
    "cg_stop",
    "accepted",
    "examples",
    "gradient_equivalents",
    "curvature_products",
    "peak_memory",
    "negative_curvature",
    "gradient_seconds",
    "cg_seconds",
    "layer_norm/w",
)
ROWS = 30


@pytest.fixture
def odd(store: Store) -> str:
    """Two runs of odd values, and an empty one: their ids, separated by commas."""
    ids = []
    for number in (1, 2):
        config = {
            "huge": HUGE,
            "more": HUGE * number,
            "list": [HUGE, "\0"],
            "lr": ["auto", HUGE][number - 1],
            "": {},
        }
        run = store.add_script_run(ScriptRun(name="a\0b", config=config))
        rows = [
            step(row, **{name: ODD[(row * number + place) % len(ODD)] for place, name in enumerate(METRICS)})
            for row in range(1, ROWS)
        ]
        values = [0.0, math.nan, 1e308, -math.inf, -1.0]
        solve = trace(
            ROWS, model_values=values, residual_norms=values, ritz_values=values, alphas=values, betas=values
        )
        store.append(run.id, batch(*rows, StepRecord(step=2**53, metrics={"loss": HUGE}), cg=[solve]))
        ids.append(run.id)
    return ",".join([*ids, store.add_script_run(ScriptRun(name="empty")).id])


QUESTIONS: list[tuple[str, dict[str, Any]]] = [
    *((f"/api/v1/figures/{name}", {}) for name in FIGURES),
    *((f"/api/v1/figures/{name}", {"x": "examples", "points": 2}) for name in FIGURES),
    *(
        (f"/api/v1/figures/{name}", {"start": "-1e308", "stop": "1e308"})
        for name in ("loss", "residual-map", "ritz-map")
    ),
    ("/api/v1/figures/residual-map", {"start": "1e300"}),
    ("/api/v1/figures/scatter", {"x": "config.huge", "metric": "config.more"}),
    ("/api/v1/figures/metric", {"metric": "loss", "smooth": "0.9"}),
    ("/api/v1/figures/metric", {"metric": "damping", "group": "config.huge", "band": "range"}),
    ("/api/v1/figures/performance-profile", {"target": "1e308", "group": "config.list"}),
    ("/api/v1/comparisons/groups", {"group": "config.huge"}),
    ("/api/v1/comparisons/totals", {}),
    ("/api/v1/comparisons/targets", {"metric": "gradient_norm"}),
    ("/api/v1/runs/groups", {"by": "config.huge", "metrics": "loss.min,loss.max,seconds"}),
    ("/api/v1/runs/table.csv", {"columns": "name,config.huge,config.list,loss.last", "sort": "config.huge"}),
    ("/compare", {}),
    ("/", {"q": "a " * 1_000}),
    ("/", {"q": " ".join(map(str, range(1_000)))}),
    ("/", {"q": "x = " + "9" * 5_000}),
    ("/", {"q": 'config.huge > 1e308 or id : "\0"', "sort": "-config.huge"}),
]


# That a sum of the largest floats is infinite: the log says so, and the answer has a gap there.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_question_has_an_answer_that_makes_sense(http: InProcess, odd: str) -> None:
    asked = [(path, {"runs": odd} | query) for path, query in QUESTIONS]
    asked.append((f"/api/v1/runs/{odd.split(',')[0]}/report.html", {}))
    asked += [
        (f"/api/v1/runs/{run_id}/{path}", {})
        for run_id in odd.split(",")
        for path in ("findings", "metrics", "metrics.csv", "metrics.parquet")
    ]
    answers = [(path, query, http.get(path, params=query)) for path, query in asked]
    assert [(path, query, answer.text) for path, query, answer in answers if answer.status_code >= 500] == []
    refused = {path for path, _, answer in answers if answer.status_code >= 400}
    assert refused <= {"/api/v1/figures/loss"}
