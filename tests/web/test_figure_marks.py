"""Marks: attempts that began and what a user changed, along x."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from hessianfree_lab.figures import FIGURES, Curve, Material
from hessianfree_lab.figures.marks import Mark, marks_of
from hessianfree_lab.records import AttemptInfo, Control
from web.samples import HESSIAN_FREE, curve_of, drawn

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def attempt(number: int, **more: Any) -> AttemptInfo:
    return AttemptInfo(**{"number": number, "started_at": NOW, "first_step": 1} | more)


def control(number: int, **more: Any) -> Control:
    asked = {"number": number, "kind": "set", "settings": {"damping": 0.5}, "requested_at": NOW}
    return Control(**asked | {"applied_at": NOW, "step": 2} | more)


def marked(curve: Curve, *marks: Mark) -> Curve:
    return replace(curve, attempt=1, marks=marks, controls_version=3)


def noted(figure: dict[str, Any]) -> list[dict[str, Any]]:
    return [trace for trace in figure["data"] if trace["name"] == "marks"]


def test_every_attempt_but_the_first_is_marked_where_it_went_on() -> None:
    lost = attempt(1, ended_at=NOW, outcome="lost")
    found = marks_of([lost, attempt(2, first_step=15, resumed_from=20), attempt(3)], [])
    assert [(mark.step, mark.kind) for mark in found] == [(1, "attempt"), (21, "attempt")]
    assert found[1].text == "Attempt 2 goes on after step 20; attempt 1 was lost"
    assert found[0].text.startswith("Attempt 3 begins from scratch")


def test_an_attempt_that_recorded_nothing_is_not_marked() -> None:
    assert marks_of([attempt(1), attempt(2, first_step=None)], []) == ()


def test_a_change_is_marked_at_the_first_step_under_it_and_says_by_whom() -> None:
    settings = {"damping": 0.5, "budget": {"steps": 9, "seconds": None}}
    (mark,) = marks_of([attempt(1)], [control(1, settings=settings, requested_by="anna")])
    assert (mark.step, mark.kind) == (3, "set")
    assert mark.text == "damping = 0.5, budget.steps = 9, budget.seconds = none, by anna"


@pytest.mark.parametrize(
    "undone", [{"applied_at": None, "step": None}, {"error": "No such option.", "applied_at": None}]
)
def test_what_was_not_done_is_not_marked(undone: dict[str, Any]) -> None:
    assert marks_of([attempt(1)], [control(1, **undone)]) == ()


@pytest.mark.parametrize(
    "name", ["loss", "damping", "reduction-ratio", "cg-iterations", "step-scale", "metric"]
)
def test_marks_stand_at_the_lower_edge_and_draw_a_line(name: str) -> None:
    set_at_3, paused = (
        Mark(step=3, kind="set", text="damping = <b>1"),
        Mark(step=4, kind="pause", text="Paused"),
    )
    figure = drawn(FIGURES[name], Material(curves=(marked(curve_of(HESSIAN_FREE), set_at_3, paused),)))
    (trace,) = noted(figure)
    assert (trace["x"], trace["y"], trace["yaxis"]) == ([3.0, 4.0], [0, 0], "y2")
    assert trace["text"] == ["damping = &lt;b&gt;1<br>from step 3 on", "Paused<br>from step 4 on"]
    lines = [shape for shape in figure["layout"]["shapes"] if shape.get("yref") == "paper"]
    assert [line["x0"] for line in lines] == [3.0]


def test_a_mark_beyond_the_last_step_stands_there_and_one_between_samples_at_the_next() -> None:
    series = curve_of({"loss": [3.0, 2.0, 1.0]}, x_name="seconds")
    marks = (Mark(step=2, kind="set", text="a"), Mark(step=9, kind="set", text="b"))
    (trace,) = noted(drawn(FIGURES["loss"], Material(curves=(marked(series, *marks),))))
    assert trace["x"] == [20.0, 30.0]


def test_a_run_without_steps_has_nothing_to_mark() -> None:
    figure = drawn(
        FIGURES["loss"], Material(curves=(marked(curve_of({}), Mark(step=1, kind="set", text="a")),))
    )
    assert noted(figure) == []


def test_of_several_runs_each_has_marks_in_its_colour_and_none_a_line() -> None:
    curves = tuple(
        marked(curve_of({"loss": [2.0, 1.0]}, run=f"run-{n}", colour=n), Mark(step=2, kind="set", text="a"))
        for n in (4, 9)
    )
    figure = drawn(FIGURES["metric"], Material(curves=curves))
    assert [trace["meta"] for trace in noted(figure)] == [
        {"of": "run-4", "colour": 4},
        {"of": "run-9", "colour": 9},
    ]
    assert not figure["layout"].get("shapes")


def test_traces_say_which_controls_were_known_when_they_were_drawn() -> None:
    figure = drawn(FIGURES["loss"], Material(curves=(marked(curve_of({"loss": [1.0]})),)))
    assert {trace["meta"]["controls"] for trace in figure["data"]} == {3}
