"""The tables behind figures, made by the page's own module: they have what was measured, and all of it."""

import csv
import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hessianfree_lab.figures import FIGURES
from hessianfree_lab.figures.comparing.comparison import Group
from hessianfree_lab.figures.comparing.profiles import performance_profiles
from hessianfree_lab.figures.comparing.smoothing import smooth
from hessianfree_lab.figures.material import Dot, Material, Race
from web.samples import FULL, curve_of, drawn
from web.test_comparison_figures import FIRST, SECOND, compared
from web.test_solve_figures import SOLVES

STATIC = Path(__file__).parents[2] / "web" / "hessianfree_web" / "static"
READ = """
import { readFileSync } from "node:fs";
const { csvOf, tableOf } = await import(process.argv[1]);
const figures = JSON.parse(readFileSync(0, "utf8"));
const text = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
const told = ([name, figure]) => [name, { ...tableOf(figure), csv: csvOf(tableOf(figure)) }];
console.log(JSON.stringify(Object.fromEntries(Object.entries(figures).map(told)), text));
"""
SMOOTHED = replace(FIRST, smoothed=smooth(np.array([8.0, 4.0, 2.0]), 0.5))
DOTS = tuple(Dot(run=run, name=run, colour=0, x=1.0, y=y, group=None) for run, y in (("a", 2.0), ("b", 3.0)))
PROFILES = performance_profiles({"hf": {"p": 1.0, "q": 2.0}, "adam": {"p": 4.0, "q": 2.0}})
GROUPED = {"groups": (Group(name="g", colour=0, runs=("a", "b")),)}
MATERIAL = {
    "path": ("path", FULL),
    "agreement": ("agreement", FULL),
    "gradient norm": ("gradient-norm", FULL),
    "residuals": ("residual-map", SOLVES),
    "Ritz values": ("ritz-map", SOLVES),
    "range": ("metric", compared(FIRST, SECOND, spread="range", **GROUPED)),
    "quantiles": ("metric", compared(FIRST, SECOND, **GROUPED)),
    "smoothed": ("metric", Material(curves=(SMOOTHED,))),
    "scatter": ("scatter", Material(dots=DOTS, x_key="seconds", metric="loss.min")),
    "profile": (
        "performance-profile",
        Material(race=Race(profiles=tuple(PROFILES), colours=(0, 1), caption=""), x_key="step"),
    ),
    "same place": ("path", Material(curves=(curve_of({"x": [1.0, 2.0, 1.0], "y": [5.0, 6.0, 7.0]}),))),
}


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    """By figure `{columns, rows, csv}`."""
    node = shutil.which("node")
    assert node, "Node.js 20 or newer reads the tables; nodejs installs it."
    figures = json.dumps(
        {name: drawn(FIGURES[kind], material) for name, (kind, material) in MATERIAL.items()}
    )
    module = (STATIC / "lib" / "figure-table.js").as_uri()
    command = [node, "--input-type=module", "--eval", READ, module]
    done = subprocess.run(command, input=figures, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def rows_of(table: dict[str, Any], *start: object) -> list[list[Any]]:
    return [row for row in table["rows"] if row[: len(start)] == list(start)]


def test_places_are_listed_by_step_also_where_a_run_came_back_to_one(tables: dict[str, Any]) -> None:
    path, back = tables["path"], tables["same place"]
    assert path["columns"] == back["columns"] == ["Step", "x", "y"]
    assert path["rows"] == [[1, -1.2, 1], [2, -1, 1.1], [3, 0.5, 0.2]], "not the contours behind the path"
    assert back["rows"] == [[1, 1, 5], [2, 2, 6], [3, 1, 7]]
    assert tables["agreement"]["rows"][0] == [1, 4, 2], "step, predicted and actual reduction"
    assert tables["scatter"]["rows"] == [["a", 1, 2], ["b", 1, 3]]


def test_a_value_that_has_no_place_on_the_axis_is_what_was_measured(tables: dict[str, Any]) -> None:
    assert tables["gradient norm"]["columns"] == ["Step", "gradient", "step", "angle"]
    assert tables["gradient norm"]["rows"][1:] == [[2, 3, 0, None], [3, 1, 0.5, 80], [4, "NaN", 0.25, 91]]


def test_heat_maps_have_all_their_cells(tables: dict[str, Any]) -> None:
    residuals, ritz = tables["residuals"], tables["Ritz values"]
    assert rows_of(residuals, 3) == [[3, 0, 1], [3, 1, "NaN"], [3, 2, None]]
    assert ritz["columns"] == ["Step", "Ritz value, from", "Ritz values"]
    for solve in SOLVES.solves.solves:
        rows = rows_of(ritz, solve.step)
        assert sum(row[2] for row in rows) == len(solve.ritz_values)
        assert rows[-1] == [solve.step, "≤ 0", sum(value <= 0 for value in solve.ritz_values)]


def test_bands_of_groups_and_averages_stand_beside_what_they_are_of(tables: dict[str, Any]) -> None:
    assert tables["range"]["columns"] == ["Step", "g, lowest", "g, highest", "g"]
    assert tables["range"]["rows"] == [[1, 6, 8, 7], [2, 4, 5, 4.5], [3, 2, 2, 2]]
    assert tables["quantiles"]["columns"][1:3] == ["g, 10 %", "g, 90 %"]
    assert tables["quantiles"]["rows"][0] == [1, pytest.approx(6.2), pytest.approx(7.8), 7]
    assert tables["smoothed"]["columns"] == ["Step", "name of a", "name of a, smoothed"]
    assert [row[1] for row in tables["smoothed"]["rows"]] == [8, 4, 2]
    assert [row[2] for row in tables["smoothed"]["rows"]] == pytest.approx([8, 16 / 3, 24 / 7])


def test_the_csv_has_every_row_of_the_table(tables: dict[str, Any]) -> None:
    for table in tables.values():
        head, *body = csv.reader(io.StringIO(table["csv"]))
        assert (head, len(body)) == (table["columns"], len(table["rows"]))
    assert tables["profile"]["rows"][0] == [1, 1, 0.5]
