"""Findings over HTTP: made of every step of a run, also of a long one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hessianfree_lab.records import Applied, RunChanges, ScriptRun, StepRecord
from hessianfree_lab.store import Store
from server.api.in_process import InProcess
from server.makers import NOON, batch, finish, line, spec, steps, trace

RUNS = "/api/v1/runs"


def health(http: InProcess, run: str) -> dict[str, dict[str, Any]]:
    answer = http.get(f"{RUNS}/{run}/findings")
    assert answer.status_code == 200, answer.text
    return {item["kind"]: item for item in answer.json()["items"]}


def script(store: Store) -> str:
    return store.add_script_run(ScriptRun(name="mine")).id


def test_a_run_without_steps_has_no_findings(http: InProcess, store: Store) -> None:
    run = script(store)
    assert http.get(f"{RUNS}/{run}/findings").json() == {"items": [], "step": 0}
    assert http.get(f"{RUNS}/nothing/findings").status_code == 404


def test_findings_see_every_step_of_a_long_run(http: InProcess, store: Store) -> None:
    """A single value among thousands, before the latest; few values of many steps; the solves' reasons: texts."""
    run = script(store)
    for first in range(1, 6_001, 1_000):
        rows = [
            StepRecord(
                step=number,
                wall_time=NOON + timedelta(seconds=number),
                seconds=number,
                metrics={
                    "loss": 1 + 1 / number,
                    "cg_iterations": 80,
                    "cg_stop": "Number of iterations",
                    **({"negative_curvature": -2.5} if number == 1_321 else {}),
                    **({"reduction_ratio": 0.1} if number % 500 == 0 else {}),
                },
            )
            for number in range(first, first + 1_000)
        ]
        store.append(run, batch(*rows))
    store.append(run, batch(cg=[trace(5_990, ritz_values=[0.001, 900.0])]))
    found = health(http, run)
    assert found["negative-curvature"] == {
        "kind": "negative-curvature",
        "severity": "note",
        "title": "Negative curvature was seen",
        "text": found["negative-curvature"]["text"],
        "evidence": [
            {"figure": "cg-iterations", "first_step": 1_321, "last_step": 1_321},
            {"figure": "damping", "first_step": 1_321, "last_step": 1_321},
        ],
    }
    assert "lowest -2.5 at step 1321" in found["negative-curvature"]["text"]
    assert "below 0.25 in 12 of steps 500 to 6000" in found["ratio-low"]["text"]
    assert "steps 5981 to 6000 were cut off after 80 iterations" in found["cg-limit"]["text"]
    assert "The Ritz values of step 5990 run from 0.001 to 900" in found["ill-conditioned"]["text"]
    assert http.get(f"{RUNS}/{run}/findings").json()["step"] == 6_000


def test_what_a_run_is_told_by_its_log(http: InProcess, store: Store) -> None:
    run = script(store)
    store.append(run, steps(1, 3))
    assert "not-deterministic" not in health(http, run)
    warning = "UserWarning: The loss is not deterministic: two evaluations at the same point differ."
    store.append(run, batch(logs=[line(0, warning)]))
    assert health(http, run)["not-deterministic"]["severity"] == "warning"


@pytest.mark.parametrize("held_back", ["between attempts", "by a pause", "by nothing"])
def test_time_in_which_no_step_could_be_made_is_no_idling(
    http: InProcess, store: Store, worker: str, held_back: str
) -> None:
    def send(first: int, last: int, began: datetime, attempt: int) -> None:
        rows = [
            StepRecord(
                step=n, wall_time=began + timedelta(seconds=1.1 * n), seconds=n, metrics={"loss": 1 / n}
            )
            for n in range(first, last + 1)
        ]
        store.append(run, batch(*rows, attempt=attempt))

    run = store.add_job(spec())[0].id
    store.claim_job(worker)
    now = datetime.now(UTC)
    send(1, 60, now - timedelta(hours=2), 1)
    if held_back == "between attempts":
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
    elif held_back == "by a pause":
        for number, ask in enumerate((store.request_pause, store.request_resume), start=1):
            ask(run)
            store.append(run, batch(applied=[Applied(number=number, step=60)]))
    attempt = store.get_run(run).attempt
    send(61, 120, now + timedelta(hours=2), attempt)
    send(121, 180, now + timedelta(hours=4), attempt)  # once, a machine may have slept
    assert ("idle" in health(http, run)) == (held_back == "by nothing")


def test_a_loss_that_diverged_says_so_whoever_asks(http: InProcess, store: Store) -> None:
    run = script(store)
    store.append(
        run, batch(StepRecord(step=1, metrics={"loss": 1.0}), StepRecord(step=2, metrics={"loss": "NaN"}))
    )
    store.finish(run, finish("failed", cause="diverged"))
    store.change_run(run, RunChanges(archived=True))
    assert [item["severity"] for item in health(http, run).values()] == ["problem"]


def test_the_neighbours_of_a_step(http: InProcess, store: Store) -> None:
    run = script(store)
    store.append(run, batch(cg=[trace(2), trace(5), trace(9)]))
    around = http.get(f"{RUNS}/{run}/steps/5/neighbours").json()
    assert around == {
        "trace": {"previous": 2, "next": 9},
        "spectrum": {"previous": None, "next": None},
    }
    assert http.get(f"{RUNS}/{run}/steps/9/neighbours").json()["trace"] == {"previous": 5, "next": None}
    assert http.get(f"{RUNS}/nothing/steps/1/neighbours").status_code == 404
