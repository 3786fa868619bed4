"""Figures of sweeps of thousands of trials, or choices: they show what can be told apart, and stay small."""

import json
import math

import pytest

from hessianfree_lab.figures import as_json
from hessianfree_lab.figures.sweeps import Study, sweep_figure
from hessianfree_lab.records.sweeps import Trial
from server.makers import sweep
from web.trials import DAMPING, KIND, drawn, named, trial


def large(count: int = 10_000) -> list[Trial]:
    """So many trials, every seventh of which failed."""
    return [
        trial(n, None if n % 7 == 0 else 1.0 + (n * 7919 % 10_007), 10 ** (n % 400 / 100 - 2), n % 9 + 1)
        for n in range(count)
    ]


def test_figures_of_ten_thousand_trials_stay_small() -> None:
    trials = large()
    for name, most in {"history": 1.5e6, "slice": 1.5e6, "map": 1.5e6, "parallel": 3e6}.items():
        figure = drawn(name, trials, param=DAMPING)
        assert len(json.dumps(figure, separators=(",", ":"))) < most, name
        assert len(figure["layout"]["meta"]["table"]["rows"]) == 10_000
    progress = drawn("history", trials)
    assert progress["layout"]["xaxis"]["exponentformat"] == "none"
    assert named(progress, "trial")["hovertemplate"].startswith("<b>Trial %{customdata}</b>: loss %{y")


def test_of_thousands_of_lines_the_best_and_the_latest_are_drawn() -> None:
    trials = large()
    figure = drawn("parallel", trials)
    lines = {
        trace["name"]: [n for n in dict.fromkeys(trace["customdata"]) if n is not None]
        for trace in figure["data"]
    }
    ranked = sorted((t for t in trials if t.value is not None), key=lambda t: (t.value, t.number))
    assert lines["best tenth"] == [t.number for t in ranked[:150]]
    assert lines["failed"] == [t.number for t in trials if t.value is None][-150:]
    best = {t.number for t in ranked[: round(len(ranked) / 10)]}
    assert (
        lines["others"] == [t.number for t in trials if t.value is not None and t.number not in best][-150:]
    )
    assert figure["layout"]["meta"]["caption"].startswith(
        "450 of 10\u202f000 trials are drawn: of the best tenth the"
    )
    assert "caption" not in drawn("parallel")["layout"]["meta"]


def test_a_line_says_all_of_its_trial_where_its_value_stands() -> None:
    best = named(drawn("parallel"), "best tenth")
    assert best["hovertext"][0] == "<b>Trial 4</b><br>damping: 9"
    assert best["hovertext"][3].startswith("<b>Trial 4</b>: loss 0.05<br>optimizer_params.damping: 9<br>")


def test_many_choices_share_cells_with_their_neighbours() -> None:
    choices = [f"choice {n}" for n in range(1000)]
    study = Study(
        spec=sweep(search={"method": "grid", "space": {KIND: choices, DAMPING: [1.0, 2.0]}}),
        trials=[trial(n, float(n + 1), 1.0, kind=choices[n]) for n in range(45)],
    )
    figure = as_json(sweep_figure("map").draw(study))
    heat = figure["data"][0]
    assert (len(heat["z"]), len(heat["z"][0])) == (2, 50)
    assert heat["z"][0][:3] == pytest.approx([0.0, math.log10(21), math.log10(41)])
    assert "choice 0 … choice 19<br>" in heat["hovertext"][0][0]
    assert "best 1, 20 trials" in heat["hovertext"][0][0]
    assert heat["hovertext"][1] == [None] * 50
    assert figure["layout"]["meta"]["caption"] == f"A cell holds 20 neighbouring choices of {KIND}."
