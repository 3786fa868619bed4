"""The table of `make bench`: what its rows say, and that the script measures all of them. No timing decides a test."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from table import Circumstances, Row, write
from timing import Spread, Turn, ratios, take_turns
from workloads import WORKLOADS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "speed.py"
SPREAD = Spread(low=1.0, median=1.5, high=2.0)


def row(**changes):
    return Row(**{"measured": "step", "workload": "net", "spread": SPREAD, **changes})


@pytest.mark.parametrize(
    ("target", "met"), [("", None), (">= 1.5", True), (">= 1.6", False), ("<= 1.5", True), ("<= 1.4", False)]
)
def test_the_median_meets_the_target_or_not(target, met):
    assert row(target=target).met is met


@pytest.mark.parametrize(
    ("apart", "agrees"), [(None, True), (1e-6, True), (1e-3, False), (math.nan, False), (math.inf, False)]
)
def test_results_that_lie_apart_are_called_wrong(apart, agrees):
    compared = row(apart=apart, bound=1e-5)
    assert compared.agrees is agrees
    assert ("WRONG" in compared.line()) is not agrees


def test_ratios_are_paired_by_round():
    assert ratios([2.0, 40.0, 6.0], [1.0, 10.0, 2.0]) == Spread(low=2.5, median=3.0, high=3.5)
    assert Spread.of([0.7]) == Spread(low=0.7, median=0.7, high=0.7)


def test_turns_alternate_in_order_and_are_prepared_every_time():
    calls = []
    turns = {
        name: Turn(run=lambda name=name: calls.append(name), prepare=lambda: calls.append("prepare"))
        for name in "ab"
    }
    times = take_turns(turns, rounds=2, device="cpu")
    assert [call for call in calls if call != "prepare"] == ["a", "b", "a", "b", "b", "a"]
    assert calls[::2] == ["prepare"] * 6
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2}


def test_batches_are_the_data_in_order():
    for make in WORKLOADS:
        workload = make(samples=10)
        batches = workload.batches(4)
        assert [len(targets) for _, targets in batches] == [3, 3, 2, 2]
        whole = workload.forward()[0].item()
        parts = sum(len(t) / 10 * workload.loss_function(workload.model(x), t).item() for x, t in batches)
        assert parts == pytest.approx(whole, rel=1e-5)


def test_markdown_and_json_tell_the_same(tmp_path):
    circumstances = Circumstances.of_now("cpu", ["speed.py", "--quick"])
    rows = [row(target=">= 1.4", apart=1e-7, bound=1e-5), row(measured="product")]
    write(tmp_path / "table.md", circumstances, rows)
    write(tmp_path / "table.json", circumstances, rows)
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    assert "python speed.py --quick" in lines[-6]
    assert lines[-2:] == [
        "| step | net | 1.50 | 1.00 .. 2.00 | >= 1.4 | yes | 1e-07 |",
        "| product | net | 1.50 | 1.00 .. 2.00 |  |  |  |",
    ]
    content = json.loads((tmp_path / "table.json").read_text())
    assert content["circumstances"]["device"] == "cpu"
    assert content["rows"][0]["spread"] == {"low": 1.0, "median": 1.5, "high": 2.0}
    assert [entry["met"] for entry in content["rows"]] == [True, None]


@pytest.mark.system
@pytest.mark.timeout(300)  # seven processes, each of which imports torch
def test_the_script_measures_every_row_of_a_workload(tmp_path):
    file = tmp_path / "table.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--only", "tanh RNN", "--write", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(file.read_text())["rows"]
    assert len(done.stdout.splitlines()) == 2 + len(rows)  # the circumstances and the columns first
    for entry in rows:
        assert all(math.isfinite(value) and value > 0 for value in entry["spread"].values())
        assert entry["agrees"]
    assert len(rows) == len({entry["measured"] for entry in rows})
    assert {entry["workload"] for entry in rows} == {"tanh RNN"}
    here = ["GGN plain", "GGN recorded", "Hessian plain", "Hessian recorded"]
    assert {entry["measured"] for entry in rows} == {
        *("product/gradient, GGN BackPACK", "product/gradient, Hessian BackPACK"),
        *(f"product/gradient, {name}" for name in here),
        *(f"predecessor/here, step, {name}" for name in here),
        *(f"predecessor/here, acc_step, {name}" for name in here if "GGN" in name),
        *(f"here/predecessor, memory, {name}" for name in here),
    }
