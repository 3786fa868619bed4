"""Figures of sweeps: what stands where, failed trials included."""

import csv
import io
import json
import math
import subprocess
from typing import Any

import pytest

from hessianfree_lab.figures import as_json
from hessianfree_lab.figures.sweeps import SWEEP_FIGURES, Study, UnknownSweepFigure, sweep_figure
from hessianfree_lab.figures.sweeps.param_map import cells_of
from hessianfree_lab.records.sweeps import Trial
from hessianfree_web import STATIC
from server.makers import sweep
from web.trials import DAMPING, KIND, ROUNDS, TRIALS, drawn, named, spec, trial


@pytest.mark.parametrize("name", SWEEP_FIGURES)
@pytest.mark.parametrize("trials", [[], TRIALS[:1], TRIALS[1:2], TRIALS])
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_every_figure_is_drawn_of_whatever_there_is(name: str, trials: list[Trial], goal: str) -> None:
    figure = drawn(name, trials, {"goal": goal}, importances={DAMPING: 0.75, KIND: 0.25})
    assert figure["layout"]["meta"]["figure"] == name
    assert figure["layout"]["meta"]["reading"]
    assert "<b>" not in json.dumps(figure["data"]).replace("<b>Trial", "").replace("</b>", "")


def test_progress_has_every_value_and_the_best_so_far() -> None:
    figure = drawn("history")
    assert (named(figure, "trial")["x"], named(figure, "trial")["y"]) == ([0, 2, 3, 4], [5.0, 0.5, 2.0, 0.05])
    assert named(figure, "best so far")["y"] == [5.0, 0.5, 0.5, 0.05]
    assert named(figure, "failed")["x"] == [1]
    assert figure["layout"]["yaxis"]["type"] == "log"
    upwards = drawn("history", objective={"goal": "maximize"})
    assert named(upwards, "best so far")["y"] == [5.0, 5.0, 5.0, 5.0]


def test_values_within_a_decade_stand_on_a_plain_axis() -> None:
    assert drawn("history", TRIALS[:4:3])["layout"]["yaxis"]["type"] == "linear"
    assert drawn("history", [trial(0, -1.0, 1.0), trial(1, 50.0, 1.0)])["layout"]["yaxis"]["type"] == "linear"


def test_importance_is_longest_on_top() -> None:
    (bars,) = drawn("importance", importances={DAMPING: 0.7, KIND: 0.3})["data"]
    assert bars["x"] == pytest.approx([30, 70])
    assert bars["y"][1] == "damping"
    assert bars["text"] == ["30 %", "70 %"]


def test_a_slice_follows_the_scale_of_its_range() -> None:
    figure = drawn("slice", param=DAMPING)
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert named(figure, "trial")["x"] == [1.0, 10.0, 100.0, 9.0]
    assert named(figure, "failed")["x"] == [0.01]
    assert drawn("slice", param=ROUNDS)["layout"]["xaxis"]["type"] == "linear"


def test_a_slice_of_choices_shows_each_with_its_median() -> None:
    figure = drawn("slice", param=KIND)
    assert figure["layout"]["xaxis"]["categoryarray"] == ["&lt;b&gt;", "null", "true"]
    medians = named(figure, "median")
    assert dict(zip(medians["x"], medians["y"], strict=True)) == {
        "&lt;b&gt;": 2.525,
        "true": 0.5,
        "null": 2.0,
    }


def test_parallel_lines_go_through_every_axis_and_break_between_trials() -> None:
    figure = drawn("parallel")
    best, failed, others = (named(figure, name) for name in ("best tenth", "failed", "others"))
    assert best["x"] == [0, 1, 2, 3, None]
    # Damping 9 lies in the middle of two decades up; 9 rounds at the top; the first of three choices; the least value.
    middle = (math.log(9) - math.log(1e-2)) / (math.log(1e2) - math.log(1e-2))
    assert best["y"][:4] == pytest.approx([middle, 1.0, 0.0, 0.0])
    assert best["y"][4] is None
    assert best["customdata"][0] == 4
    assert len(others["x"]) == 3 * 5
    assert failed["y"][3] > 1
    assert figure["layout"]["xaxis"]["ticktext"] == ["damping", "cg_max_iter", "&lt;kind&gt;", "loss"]


def test_the_map_has_the_best_of_every_cell() -> None:
    figure = drawn("map", x=KIND, y=ROUNDS)
    heat = figure["data"][0]
    rows, columns = [1, 3, 5, 9], ["<b>", None, True]
    values = {
        (rows[r], columns[c]): z
        for r, row in enumerate(heat["z"])
        for c, z in enumerate(row)
        if z is not None
    }
    assert values == {
        (3, "<b>"): pytest.approx(math.log10(5)),
        (5, True): pytest.approx(math.log10(0.5)),
        (5, None): pytest.approx(math.log10(2)),
        (9, "<b>"): pytest.approx(math.log10(0.05)),
    }
    assert "best 0.05, 1 trial" in heat["hovertext"][3][0]
    lost, best = figure["data"][1:]
    assert (lost["x"], lost["y"], lost["customdata"]) == ([1], [3], [1])
    assert (best["x"], best["y"], best["customdata"]) == ([0], [3], [4])
    assert heat["colorbar"]["ticktext"] == ["0.05", "0.5", "5"]


def test_of_several_trials_in_a_cell_the_best_counts() -> None:
    trials = [trial(0, 3.0, 1.0, 5), trial(1, 2.0, 1.0, 5), trial(2, None, 1.0, 5)]
    for goal, value in (("minimize", 2.0), ("maximize", 3.0)):
        heat = drawn("map", trials, {"goal": goal}, x=KIND, y=ROUNDS)["data"][0]
        assert [z for row in heat["z"] for z in row if z is not None] == [value]
        assert "3 trials" in heat["hovertext"][0][1]


def test_a_range_of_many_values_is_cut_into_equal_bins() -> None:
    trials = [trial(n, 1.0, 10 ** (n / 10 - 2), 1) for n in range(41)]
    cells = cells_of(DAMPING, Study(spec=spec(), trials=trials))
    assert len(cells.names) == 10
    assert [cells.of(value) for value in (0.01, 0.0250, 0.0252, 1.01, 99, 100.0)] == [0, 0, 1, 5, 9, 9]
    assert cells.ticks[0] == (-0.5, "0.01")
    assert cells.ticks[-1] == (9.5, "100")


def test_an_unknown_figure_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownSweepFigure, match="history, importance, map, parallel, slice"):
        sweep_figure("pie")


ABOUT: dict[str, list[str]] = {
    "history": [],
    "parallel": [DAMPING, ROUNDS, KIND],
    "slice": [KIND],
    "map": [DAMPING, KIND],
}
"""The parameters that each figure is about."""

READ_BY_A_PAGE = """
import { csvOf, tableOf } from %s;
const figures = JSON.parse(await new Response(process.stdin).text());
for (const name in figures) figures[name] = { ...tableOf(figures[name]), csv: csvOf(tableOf(figures[name])) };
console.log(JSON.stringify(figures));
"""


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    """What the page's own module makes of each figure, as it came over the wire."""
    asked = {"param": KIND, "x": DAMPING, "y": KIND, "importances": {DAMPING: 0.75, KIND: 0.25}}
    figures = {name: drawn(name, **asked) for name in SWEEP_FIGURES}
    module = json.dumps((STATIC / "lib" / "figure-table.js").as_uri())
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", READ_BY_A_PAGE % module],
        input=json.dumps(figures),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ABOUT)
def test_the_table_behind_a_figure_has_every_trial(name: str, tables: dict[str, Any]) -> None:
    paths, found = ABOUT[name], tables[name]
    assert found["columns"] == ["Trial", "State", *paths, "Loss (last)"]
    rows = [
        [trial.number, trial.state, *(trial.params[path] for path in paths), trial.value] for trial in TRIALS
    ]
    assert found["rows"] == rows
    head, *lines = csv.reader(io.StringIO(found["csv"]))
    assert head == found["columns"]
    assert lines == [[written(value) for value in row] for row in rows]


def written(value: Any) -> str:
    """A value as a spreadsheet gets it: whole numbers without a point, nothing for what is not there."""
    if value is None or isinstance(value, bool):
        return "" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_table_behind_importance_names_parameters_in_full(tables: dict[str, Any]) -> None:
    found = tables["importance"]
    assert found["columns"] == ["Parameter", "Share of what decides (%)"]
    assert found["rows"] == [[DAMPING, 75.0], [KIND, 25.0]]
    assert found["csv"].splitlines()[1:] == [f"{DAMPING},75", f"{KIND},25"]


def test_parameters_of_one_name_are_told_apart() -> None:
    space = {"problem_params.rate": [1, 2], "optimizer_params.rate": [1, 2]}
    study = Study(
        spec=sweep(search={"method": "grid", "space": space}),
        trials=[],
        importances=dict.fromkeys(space, 0.5),
    )
    assert set(as_json(sweep_figure("importance").draw(study))["data"][0]["y"]) == space.keys()


LR, EVERY = "optimizer_params.lr", "adam_every"
CONDITIONAL = sweep(
    search={
        "method": "random",
        "trials": 9,
        "pruning": {"after": 10},
        "space": {
            "optimizer": ["adam", "hessianfree"],
            LR: {"low": 0.1, "high": 10.0, "log": True, "when": {"optimizer": "adam"}},
            EVERY: {"path": "optimizer_params.every", "choices": [None, 5], "when": {"optimizer": "adam"}},
        },
    }
)


def rival(number: int, value: float | None, params: dict[str, Any], **more: Any) -> Trial:
    state = {"state": "completed" if value is not None else "failed", "value": value, "runs": []}
    return Trial.model_validate({"number": number, "params": params} | state | more)


RIVALS = [
    rival(0, 1.0, {"optimizer": "adam", LR: 1.0, EVERY: None}),
    rival(1, 2.0, {"optimizer": "hessianfree"}),
    rival(
        2,
        None,
        {"optimizer": "adam", LR: 10.0, EVERY: 5},
        state="pruned",
        rungs=[{"at": 10, "value": 7.0}, {"at": 30, "value": 4.0}],
    ),
    rival(3, None, {"optimizer": "hessianfree"}, state="pruned", rungs=[{"at": 10, "value": "Infinity"}]),
]


@pytest.mark.parametrize("name", SWEEP_FIGURES)
def test_a_parameter_that_some_trials_do_not_have_is_shown_of_the_others(name: str) -> None:
    study = Study(spec=CONDITIONAL, trials=RIVALS, importances={LR: 1.0}, param=EVERY, x=EVERY, y=LR)
    figure = json.loads(json.dumps(as_json(sweep_figure(name).draw(study)), allow_nan=False))
    if name == "slice":
        assert named(figure, "trial")["customdata"] == [0]
        assert (named(figure, "pruned")["x"], named(figure, "pruned")["y"]) == (["5"], [4.0])
    if name == "map":
        heat = figure["data"][0]
        assert [number for row in heat["customdata"] for number in row if number is not None] == [0, 2]
        assert named(figure, "pruned")["customdata"] == [2]
        assert named(figure, "all failed")["x"] == []
    if name == "parallel":
        below = named(figure, "others")["y"]  # of the trial without learning rate
        assert below[0] == 1.0
        assert below[1] == below[2] < 0 < 1 == below[3]
        assert [tick["text"] for tick in figure["layout"]["annotations"]].count("not set") == 2
        assert named(figure, "pruned")["y"][3] is None  # it never came to its value


def test_a_pruned_trial_stands_where_it_was_then() -> None:
    study = Study(spec=CONDITIONAL, trials=RIVALS)
    figure = json.loads(json.dumps(as_json(sweep_figure("history").draw(study)), allow_nan=False))
    rings = named(figure, "pruned")
    assert (rings["x"], rings["y"]) == ([2], [4.0])
    assert "loss 4 when pruned at 30 steps" in rings["hovertext"][0]
    assert named(figure, "failed")["x"] == []
    assert named(figure, "best so far")["y"] == [1.0, 1.0]
