"""Figures of several runs together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hessianfree_lab.figures import FIGURES, Material, palette
from hessianfree_lab.figures.comparing.comparison import Comparison, Group
from hessianfree_lab.figures.comparing.lines import line_of
from hessianfree_lab.figures.comparing.profiles import performance_profiles
from hessianfree_lab.figures.comparing.smoothing import smooth
from hessianfree_lab.figures.material import Curve, Dot, Race
from hessianfree_lab.figures.points import x_numbers, x_values
from web.samples import curve_of, drawn

FIRST = curve_of({"loss": [8.0, 4.0, 2.0]}, run="a", colour=3)
SECOND = curve_of({"loss": [6.0, 5.0]}, run="b", colour=12)


def compared(*curves: Curve, **settings: Any) -> Material:
    lines = {
        curve.run: line_of(
            x_numbers(curve.series.x),
            np.array(curve.series.values["loss"], dtype=float),
            np.ones(len(curve.series.x), dtype=bool),
        )
        for curve in curves
    }
    return Material(curves=curves, comparison=Comparison(lines=lines, **settings))


def test_of_a_smoothed_run_what_was_measured_stays_faint_behind() -> None:
    curve = replace(FIRST, smoothed=smooth(np.array([8.0, 4.0, 2.0]), 0.5))
    raw, marks, smoothed = drawn(FIGURES["metric"], Material(curves=(curve,)))["data"]
    assert (raw["y"], raw["opacity"] < 0.5, raw["showlegend"]) == ([8, 4, 2], True, False)
    assert marks["meta"]["marks"] is True
    assert smoothed["y"] == pytest.approx([8, 16 / 3, 24 / 7])
    assert smoothed["meta"]["smooth"] == {"weight": 0.5, "last": pytest.approx(24 / 7), "count": 3}
    assert smoothed["name"] == "name of a"
    assert raw["uid"] != smoothed["uid"]
    assert raw["meta"]["run"] == smoothed["meta"]["run"] == "a"


def test_groups_stand_in_for_their_runs_and_say_where_some_have_ended() -> None:
    group = Group(name="adam", colour=9, runs=("a", "b"))
    figure = drawn(FIGURES["metric"], compared(FIRST, SECOND, groups=(group,), spread="range"))
    area, line, rest = figure["data"]
    assert area["x"] == [1, 2, 3, 3, 2, 1]
    assert area["y"] == [8, 5, 2, 2, 4, 6]
    assert area["fillcolor"] == palette.translucent(9)
    assert (line["y"], line["line"]["dash"]) == ([7, 4.5, None], "dash")
    assert (rest["y"], rest["line"]["dash"]) == ([None, 4.5, 2], "dot")
    assert line["customdata"][0] == "all: 6 to 8<br>2 of 2 runs"
    assert line["customdata"][2].endswith("1 of 2 runs")
    assert [trace["meta"]["of"] for trace in figure["data"]] == [["a", "b"]] * 3
    assert all("run" not in trace["meta"] for trace in figure["data"])
    assert figure["layout"]["meta"]["refresh_seconds"] > 0


def test_where_some_have_not_begun_the_dotted_line_reaches_to_the_solid_one() -> None:
    late = replace(SECOND, series=replace(SECOND.series, x=[2.0, 3.0]))
    group = Group(name="adam", colour=0, runs=("a", "b"))
    _, line, rest = drawn(FIGURES["metric"], compared(FIRST, late, groups=(group,)))["data"]
    assert line["y"] == [None, 5, 3.5]
    assert rest["y"] == [8, 5, None]


def test_a_group_of_one_run_has_a_line_and_no_band() -> None:
    group = Group(name="adam", colour=0, runs=("a",))
    (line,) = drawn(FIGURES["metric"], compared(FIRST, groups=(group,)))["data"]
    assert line["y"] == [8, 4, 2]


@pytest.mark.parametrize(
    ("relation", "ys", "word"), [("difference", [2, -1], "minus"), ("ratio", [8 / 6, 0.8], "over")]
)
def test_runs_are_seen_from_the_baseline_as_far_as_it_goes(relation: str, ys: list[float], word: str) -> None:
    figure = drawn(FIGURES["metric"], compared(FIRST, SECOND, baseline="b", relation=relation))
    first, second = figure["data"]
    assert first["y"] == pytest.approx(ys)
    assert second["y"] == ([0, 0] if relation == "difference" else [1, 1])
    assert first["customdata"] == [1, 2]
    assert figure["layout"]["title"]["text"] == f"Loss {word} that of name of b"
    assert figure["layout"]["yaxis"]["title"]["text"] == f"{relation.capitalize()} to the baseline"
    assert figure["layout"]["yaxis"]["type"] == ("linear" if relation == "difference" else "log")


def test_groups_are_seen_from_the_baseline_too() -> None:
    group = Group(name="all", colour=0, runs=("a", "b"))
    figure = drawn(FIGURES["metric"], compared(FIRST, SECOND, groups=(group,), baseline="b"))
    line = figure["data"][1]
    assert line["y"] == [1, -0.5]


def test_moments_survive_being_numbers() -> None:
    times = ["2026-03-01T12:00:00Z", "2026-03-01T12:00:00.250000Z"]
    assert x_values(x_numbers(times), "wall_time") == times
    assert x_values(x_numbers([1, 2.5]), "seconds") == [1, 2.5]


def test_two_values_of_each_run_and_how_many_lack_one() -> None:
    dots = (
        Dot(run="a", name="first", colour=0, x=1.0, y=2.0),
        Dot(run="b", name="second", colour=9, x=3.0, y=4.0, group="adam"),
        Dot(run="c", name="third", colour=2, x=None, y=4.0),
    )
    figure = drawn(FIGURES["scatter"], Material(dots=dots, x_key="seconds", metric="eval_loss.min"))
    assert [(trace["x"], trace["y"], trace["meta"]["of"]) for trace in figure["data"]] == [
        ([1], [2], "a"),
        ([3], [4], "b"),
    ]
    assert figure["data"][0]["marker"]["symbol"] != figure["data"][1]["marker"]["symbol"]
    assert figure["data"][1]["meta"]["group"] == "adam"
    assert figure["layout"]["meta"]["caption"] == "1 of 3 runs have no such value."
    assert figure["layout"]["yaxis"]["title"]["text"] == "Held-out loss (lowest)"


def test_a_profile_is_a_staircase_a_solver() -> None:
    profiles = performance_profiles({"hf": {"p": 1.0, "q": 2.0}, "adam": {"p": 4.0, "q": float("inf")}})
    race = Race(profiles=tuple(profiles), colours=(0, 1), caption="Two problems.")
    figure = drawn(FIGURES["performance-profile"], Material(race=race, x_key="gradient_equivalents"))
    first, second = figure["data"]
    assert (first["x"][0], first["y"]) == (1, [1, 1])
    assert (second["x"][:2], second["y"]) == ([1, 4], [0, 0.5, 0.5])
    assert second["x"][2] > 4
    assert first["line"]["shape"] == "hv"
    assert figure["layout"]["meta"]["caption"] == "Two problems."
    assert "gradient equivalents" in figure["layout"]["xaxis"]["title"]["text"]


def test_a_run_that_has_not_measured_the_metric_is_drawn_empty() -> None:
    empty = curve_of({"loss": []}, run="c")
    for settings in ({"groups": (Group(name="g", colour=0, runs=("c",)),)}, {"baseline": "c"}):
        figure = drawn(FIGURES["metric"], compared(empty, **settings))
        assert not any(trace["x"] for trace in figure["data"])
