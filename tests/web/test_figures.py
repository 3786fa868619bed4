"""Every figure, from what a run recorded to what Plotly is given."""

import math

import pytest

from hessianfree_lab.errors import RecordNotFound
from hessianfree_lab.figures import FIGURES, Curve, Kind, Material, figure_kind
from hessianfree_lab.figures.points import Limits, points
from hessianfree_lab.figures.sweeps import SWEEP_FIGURES
from web.samples import FULL, curve_of, drawn, traces

BARE = Material(curves=(curve_of({}),))
UNRELATED = Material(curves=(curve_of({"something_else": [1.0, 2.0]}),))

BAD_SIGNS = {
    "path": "circle a minimum",
    "loss": "overfit",
    "gradient-norm": "too little damping",
    "damping": "steady climb",
    "reduction-ratio": "wrong",
    "reductions": "damping that is too small",
    "agreement": "promised too much",
    "step-scale": "bad",
    "cg-iterations": "wasted",
    "residual-map": "stay bright",
    "ritz-map": "negative curvature",
    "ritz-extremes": "harder solves",
    "inner-solve": "cut off",
    "kept-losses": "turn up",
    "line-search": "hardly goes down",
    "ritz-values": "hard solve",
    "loss-slice": "asks for more damping",
    "extreme-eigenvalues": "far from convex",
    "spectrum": "curves downwards",
    "time-split": "slow",
    "work": "rejects",
    "memory": "leak",
    "parameter-norms": "died",
    "metric": "failed",
    "scatter": "without direction",
    "performance-profile": "unsolved",
    "history": "not help",
    "parallel": "too wide",
    "slice": "too small",
    "importance": "say little",
    "map": "near the rim",
}
"""Of every figure, words of its reading that say what a bad sign looks like."""


def test_every_reading_says_what_a_bad_sign_looks_like() -> None:
    readings = {name: kind.reading for name, kind in (FIGURES | SWEEP_FIGURES).items()}
    assert readings.keys() == BAD_SIGNS.keys()
    assert [name for name, words in BAD_SIGNS.items() if words not in readings[name]] == []


@pytest.mark.parametrize("kind", FIGURES.values(), ids=FIGURES)
@pytest.mark.parametrize(
    "material", [FULL, BARE, UNRELATED, Material()], ids=["full", "empty", "unrelated", "none"]
)
def test_every_figure_builds_whatever_the_run_has(kind: Kind, material: Material) -> None:
    figure = drawn(kind, material)
    assert figure["layout"]["meta"]["figure"] == kind.name
    assert figure["layout"]["meta"]["reading"].endswith(".")
    assert "template" not in figure["layout"]


@pytest.mark.parametrize("kind", FIGURES.values(), ids=FIGURES)
def test_every_growing_trace_says_how_it_grows(kind: Kind) -> None:
    grown = [trace for trace in drawn(kind, FULL)["data"] if "run" in trace.get("meta", {})]
    if kind.source in ("series", "landscape"):
        assert grown
    for trace in grown:
        assert (
            trace["meta"].items()
            >= {"run": "run-a", "x": trace["meta"]["x"], "attempt": 2, "step": 4}.items()
        )
        assert len(trace["x"]) == len(trace["y"]) == len(trace["customdata"])


def test_a_figure_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(RecordNotFound, match=r"no figure 'lss'.*loss.*reduction-ratio"):
        figure_kind("lss")


def test_values_that_are_not_finite_leave_a_gap_and_a_mark_at_the_top() -> None:
    values = {"loss": [3.0, math.nan, math.inf, -math.inf, 1.0]}
    figure = drawn(FIGURES["loss"], Material(curves=(curve_of(values),)))
    (line,) = traces(figure, "loss")
    (marks,) = traces(figure, "loss", marks=True)
    assert line["y"] == [3.0, None, None, None, 1.0]
    assert (marks["x"], marks["y"]) == ([2.0, 3.0, 4.0], [1, 1, 0])
    assert marks["text"] == ["NaN", "Infinity", "-Infinity"]
    edge = figure["layout"]["yaxis2"]
    assert (marks["yaxis"], edge["overlaying"], edge["range"], edge["fixedrange"]) == (
        "y2",
        "y",
        [0, 1],
        True,
    )


def test_a_row_that_did_not_measure_a_metric_breaks_no_line() -> None:
    (line,) = traces(drawn(FIGURES["loss"], FULL), "eval_loss")
    assert (line["x"], line["y"]) == ([1.0, 4.0], [4.5, 0.75])


def test_the_loss_figure_draws_only_what_was_measured() -> None:
    figure = drawn(FIGURES["loss"], Material(curves=(curve_of({"loss": [2.0, 1.0]}),)))
    assert {trace["meta"]["metric"] for trace in figure["data"]} == {"loss"}


def test_a_first_order_run_has_no_reduction_ratio_and_the_figure_is_empty() -> None:
    figure = drawn(FIGURES["reduction-ratio"], Material(curves=(curve_of({"loss": [2.0, 1.0]}),)))
    assert all(trace["x"] == [] for trace in figure["data"])


def test_thresholds_of_the_reduction_ratio_are_drawn_with_their_bands() -> None:
    layout = drawn(FIGURES["reduction-ratio"], FULL)["layout"]
    lines = [shape["y0"] for shape in layout["shapes"] if shape["type"] == "line"]
    bands = [(shape["y0"], shape["y1"]) for shape in layout["shapes"] if shape["type"] == "rect"]
    assert lines == [0.25, 0.75]
    assert [band for band in bands if band[1] == 0.25 and band[0] < -1]
    assert [band for band in bands if band[0] == 0.75 and band[1] > 2]


def test_a_ratio_beyond_the_limits_is_marked_and_said() -> None:
    (marks,) = traces(drawn(FIGURES["reduction-ratio"], FULL), "reduction_ratio", marks=True)
    assert (marks["x"], marks["y"], marks["text"]) == ([4.0], [1], ["7"])
    assert marks["meta"]["limits"] == {"low": -1.0, "high": 2.0}


def test_stop_reasons_are_told_apart_by_colour_symbol_and_name() -> None:
    figure = drawn(FIGURES["cg-iterations"], FULL)
    by_reason = [trace for trace in traces(figure, "cg_iterations") if "where" in trace["meta"]]
    assert [trace["name"] for trace in by_reason] == [
        "Convergence (Martens)",
        "Number of iterations",
        "Something new",
    ]
    assert [trace["x"] for trace in by_reason] == [[1.0, 2.0], [3.0], [4.0]]
    assert len({trace["marker"]["symbol"] for trace in by_reason}) == 3
    assert len({trace["meta"]["colour"] for trace in by_reason}) == 3


def test_a_known_reason_keeps_its_colour_whatever_else_happened() -> None:
    later = {"cg_iterations": [5.0], "cg_stop": ["Number of iterations"]}
    colours = []
    for material in (FULL, Material(curves=(curve_of(later),))):
        figure = drawn(FIGURES["cg-iterations"], material)
        colours += [
            trace["meta"]["colour"]
            for trace in figure["data"]
            if trace["name"] == "Number of iterations" and "where" in trace["meta"]
        ][:1]
    assert colours[0] == colours[1]


def test_rejected_steps_are_marked() -> None:
    rejected = [
        trace
        for trace in traces(drawn(FIGURES["step-scale"], FULL), "step_scale")
        if "where" in trace["meta"]
    ]
    assert [trace["x"] for trace in rejected] == [[2.0]]


def test_the_figure_says_what_it_has_seen_so_that_a_page_knows_what_is_new() -> None:
    seen = drawn(FIGURES["step-scale"], FULL)["layout"]["meta"]["seen"]
    assert seen == ["accepted=false", "accepted=true", "step_scale"]
    assert drawn(FIGURES["loss"], BARE)["layout"]["meta"]["seen"] == []


def test_a_running_total_goes_on_from_where_the_series_ends() -> None:
    curve = curve_of({"loss": [2.0, 1.0, None]}, x_name="gradient_equivalents")
    (line,) = traces(drawn(FIGURES["metric"], Material(curves=(curve,))), "loss")
    assert line["x"] == [10.0, 20.0]
    assert line["meta"]["total"] == 30.0
    assert "total" not in traces(drawn(FIGURES["loss"], FULL), "loss")[0]["meta"]


def test_compared_runs_have_a_colour_each_and_their_names() -> None:
    curves = tuple(curve_of({"loss": [1.0]}, run=f"run-{number}", colour=3 * number) for number in range(10))
    figure = drawn(FIGURES["metric"], Material(curves=curves))
    lines = traces(figure, "loss")
    assert [line["name"] for line in lines] == [f"name of run-{number}" for number in range(10)]
    assert [line["meta"]["colour"] for line in lines] == list(range(0, 30, 3))
    assert len({(line["line"]["color"], line["line"]["dash"]) for line in lines}) == 10
    assert figure["layout"]["showlegend"] is True


def test_names_are_shown_and_not_read_as_markup() -> None:
    curve = Curve(run="a", name="<b>bold</b> & co", attempt=1, series=curve_of({"loss": [1.0]}).series)
    figure = drawn(FIGURES["metric"], Material(curves=(curve,)))
    assert figure["data"][0]["name"] == "&lt;b&gt;bold&lt;/b&gt; &amp; co"


def test_a_long_name_leaves_room_and_a_placeholder_in_it_stands_for_nothing() -> None:
    name = "%{y} " + "long " * 40
    curve = Curve(run="a", name=name, attempt=1, series=curve_of({"loss": [1.0]}).series)
    line = drawn(FIGURES["metric"], Material(curves=(curve,)))["data"][0]
    assert len(line["name"]) == 48
    assert line["hovertemplate"].startswith("&#37;{y} long")


def test_the_path_lies_on_the_landscape_and_ends_in_its_latest_point() -> None:
    figure = drawn(FIGURES["path"], FULL)
    contour = figure["data"][0]
    assert contour["type"] == "contour"
    assert contour["z"][0][2] is None
    assert contour["z"][1][1] == min(value for row in contour["z"] for value in row if value is not None)
    path, latest = traces(figure, "y")
    assert list(zip(path["x"], path["y"], strict=True)) == [(-1.2, 1.0), (-1.0, 1.1), (0.5, 0.2)]
    assert (latest["x"], latest["y"], latest["meta"]["latest"]) == ([0.5], [0.2], True)
    assert figure["layout"]["xaxis"]["range"] == [-2, 2]


def test_limits_are_inclusive() -> None:
    found = points(curve_of({"m": [-1.0, 2.0, 2.1]}).series, "m", limits=Limits(low=-1.0, high=2.0))
    assert found.y == [-1.0, 2.0, None]
    assert found.mark_steps == [3]
