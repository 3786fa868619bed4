"""Figures from inside the solves: of many steps at once, and of one step with its true losses."""

import math

import pytest

from hessianfree_lab.figures import FIGURES, Material
from hessianfree_lab.figures.inner_solve import few_ticks
from hessianfree_lab.records import CGTrace, KeptIterate, Trial
from hessianfree_lab.records.solves import Solve, SolveSample
from web.samples import FULL, curve_of, drawn, traces


def solve(step: int, residuals: list[float], ritz: list[float], *, preconditioned: bool = False) -> Solve:
    return Solve(step=step, residual_norms=residuals, ritz_values=ritz, preconditioned=preconditioned)


def material_of(*solves: Solve, every: int = 1, x_name: str = "step") -> Material:
    return Material(curves=(curve_of({}, x_name=x_name),), solves=SolveSample(every=every, solves=solves))


SOLVES = material_of(
    solve(1, [4.0, 2.0, 0.4], [0.5, 2.0, 50.0]),
    solve(3, [8.0, math.nan], [1.0]),
    solve(4, [2.0, 20.0, 0.0], [-3.0, 0.0, 1.0]),
)


def test_residuals_stand_step_by_iteration_as_shares_of_the_start() -> None:
    cells, gone = drawn(FIGURES["residual-map"], SOLVES)["data"]
    assert (cells["x"], cells["y"]) == ([1, 3, 4], [0, 1, 2])
    assert cells["customdata"] == [[1, 1, 1], [0.5, None, 10], [0.1, None, 0]]
    assert cells["z"] == [[0, 0, 0], [pytest.approx(-0.301), None, 1], [-1, None, -16]]
    assert (gone["x"], gone["y"], gone["text"]) == ([3.0], [1.0], ["NaN"])
    assert gone["showlegend"]
    assert cells["meta"]["steps_of"] == "run-a", "by which a click finds the step"


def test_of_very_long_solves_every_second_iteration_is_shown() -> None:
    cells = drawn(FIGURES["residual-map"], material_of(solve(1, [1.0] * 257, [])))["data"][0]
    assert (cells["y"][:3], cells["y"][-1], len(cells["y"])) == ([0, 4, 8], 256, 65)


def test_a_heat_map_says_how_often_it_is_to_be_fetched_and_whether_it_is_a_sample() -> None:
    for name in ("residual-map", "ritz-map"):
        meta = drawn(FIGURES[name], SOLVES)["layout"]["meta"]
        assert (meta["x"], meta["sampled"], meta["refresh_seconds"]) == ("step", False, 5)
        sampled = drawn(FIGURES[name], material_of(*SOLVES.solves.solves, every=4))["layout"]["meta"]
        assert sampled["sampled"]
        assert "the first of 4 steps" in sampled["caption"]
        elsewhere = drawn(FIGURES[name], material_of(*SOLVES.solves.solves, x_name="seconds"))
        assert "x" not in elsewhere["layout"]["meta"], "nothing to zoom in along seconds"


def test_ritz_values_are_counted_and_those_not_above_zero_have_their_own_band() -> None:
    figure = drawn(FIGURES["ritz-map"], SOLVES)
    cells, below = figure["data"]
    assert len(cells["y"]) == len(cells["customdata"]) + 1, "edges"
    assert [sum(column) for column in zip(*cells["customdata"], strict=True)] == [3, 1, 1]
    for row, (low, high) in zip(
        cells["customdata"], zip(cells["y"], cells["y"][1:], strict=False), strict=True
    ):
        for step, count in zip(SOLVES.solves.solves, row, strict=True):
            assert count == sum(low <= value < high for value in step.ritz_values if value > 0)
    assert (below["customdata"], below["yaxis"]) == ([[0, 0, 2]], "y2")
    assert figure["layout"]["meta"]["caption"].endswith(
        "1 of 3 solves shown met curvature that is not positive."
    )


def test_ritz_values_of_a_preconditioned_matrix_are_called_so() -> None:
    plain, preconditioned = (solve(1, [1.0], [2.0]), solve(2, [1.0], [2.0], preconditioned=True))
    for solves, axis, words in (
        ((plain,), "Ritz value", "Of the damped curvature."),
        ((preconditioned,), "Ritz value, preconditioned", "Of the preconditioned, damped curvature."),
        ((plain, preconditioned), "Ritz value", "preconditioned at some steps."),
    ):
        layout = drawn(FIGURES["ritz-map"], material_of(*solves))["layout"]
        assert layout["yaxis"]["title"]["text"] == axis
        assert words in layout["meta"]["caption"]
    one = drawn(
        FIGURES["ritz-values"], Material(trace=CGTrace(step=1, ritz_values=[1, 2], preconditioned=True))
    )
    assert one["layout"]["yaxis"]["title"]["text"] == "Ritz value, preconditioned"
    assert "of the preconditioned, damped curvature" in one["layout"]["meta"]["caption"]


TRACE = CGTrace(
    step=9,
    loss=10.0,
    model_values=[0.5, -1.0, -1.5, -2.0],
    kept=[
        KeptIterate(iteration=0),
        KeptIterate(iteration=1, loss=9.5),
        KeptIterate(iteration=2, loss=8.0),
        KeptIterate(iteration=3, loss=25.0),
    ],
    chosen_iteration=2,
    line_search=[Trial(scale=1.0, loss=11.0), Trial(scale=0.8, loss=math.inf), Trial(scale=0.64, loss=9.0)],
)


def test_true_losses_of_iterates_stand_beside_the_model_as_changes() -> None:
    figure = drawn(FIGURES["kept-losses"], Material(trace=TRACE))
    named = {trace["name"]: trace for trace in figure["data"] if not trace["meta"].get("marks")}
    assert (named["model"]["x"], named["model"]["y"]) == ([0, 1, 2, 3], [0.5, -1, -1.5, -2])
    assert (named["loss"]["x"], named["loss"]["y"]) == ([1, 2, 3], [-0.5, -2, None])
    assert (named["taken"]["x"], named["taken"]["y"]) == ([2], [-2])
    (mark,) = [trace for trace in figure["data"] if trace["meta"].get("marks") and trace["x"]]
    assert (mark["x"], mark["y"], mark["text"]) == ([3], [1], ["15"]), "far above what the model spans"
    assert figure["layout"]["meta"]["caption"] == (
        "Step 9: 3 of 4 kept iterates were evaluated; iterate 2 was taken: "
        "the loss changes by -2, the model says -1.5."
    )


def test_without_the_loss_at_the_start_there_are_no_changes() -> None:
    older = TRACE.model_copy(update={"loss": None})
    figure = drawn(FIGURES["kept-losses"], Material(trace=older))
    assert figure["layout"]["meta"]["caption"] == "Step 9: the loss of no iterate was evaluated."
    assert [trace["name"] for trace in figure["data"] if trace["x"]] == ["model"]


def test_the_trials_of_a_search_begin_at_the_start() -> None:
    figure = drawn(FIGURES["line-search"], Material(trace=TRACE))
    named = {trace["name"]: trace for trace in figure["data"] if not trace["meta"].get("marks")}
    assert (named["start"]["x"], named["start"]["y"]) == ([0], [10])
    assert (named["tried"]["x"], named["tried"]["y"]) == ([1, 0.8], [11, None])
    assert (named["last"]["x"], named["last"]["y"]) == ([0.64], [9])
    assert figure["layout"]["shapes"][0]["y0"] == 10
    caption = figure["layout"]["meta"]["caption"]
    assert caption == "Step 9: 3 trials, the last at 0.64 times the step: loss 9."


def test_many_trials_are_not_all_named() -> None:
    trials = [Trial(scale=0.8**i, loss=1.0) for i in range(20)]
    trace = TRACE.model_copy(update={"line_search": trials})
    caption = drawn(FIGURES["inner-solve"], Material(trace=trace))["layout"]["meta"]["caption"]
    assert caption.endswith("line search 1 → 0.8 → … → 0.01441 (20 trials).")


def test_no_reduction_at_all_is_marked_at_the_lower_edge() -> None:
    figure = drawn(FIGURES["reductions"], FULL)
    (line,) = traces(figure, "actual_reduction")
    (marks,) = traces(figure, "actual_reduction", marks=True)
    assert line["y"] == [2.0, 1.0, 0.9, None]
    assert (marks["x"], marks["y"], marks["text"]) == ([4.0], [0], ["-0.7"])


def test_predicted_and_actual_reduction_make_a_point_a_step() -> None:
    figure = drawn(FIGURES["agreement"], FULL)
    diagonal, steps, latest = figure["data"]
    assert (diagonal["x"], diagonal["y"]) == ([0.1, 10.0], [0.1, 10.0])
    assert (steps["x"], steps["y"], steps["customdata"]) == ([4.0, 10.0, 1.0], [2.0, 1.0, 0.9], [1, 2, 3])
    assert (latest["x"], latest["meta"]["latest"]) == ([1.0], True)
    assert (steps["meta"]["metric"], steps["meta"]["x"]) == ("actual_reduction", "predicted_reduction")


def test_damping_stands_over_the_stretches_that_asked_for_more_or_less_of_it() -> None:
    columns = {
        "damping": [1.0, 1.5, 2.25, 2.0, 1.0, 1.0],
        "reduction_ratio": [0.1, 0.2, 0.5, 0.9, math.nan, 0.8],
    }
    figure = drawn(FIGURES["damping"], Material(curves=(curve_of(columns),)))
    below, above, line, _ = figure["data"]
    assert (below["name"], below["x"]) == ("ratio &lt; 0.25", [1, 1, 3, 3, None])
    assert (above["name"], above["x"]) == ("ratio &gt; 0.75", [4, 4, 6, 6, None])
    assert line["y"] == columns["damping"]
    two = drawn(FIGURES["damping"], Material(curves=(curve_of(columns), curve_of(columns, run="run-b"))))
    assert len(two["data"]) == 4, "stretches of several runs would hide each other"


def test_seconds_are_stacked_and_parts_that_no_step_has_are_left_out() -> None:
    figure = drawn(FIGURES["time-split"], FULL)
    parts = [trace for trace in figure["data"] if "stackgroup" in trace]
    assert [trace["name"] for trace in parts] == ["gradient", "CG", "search", "rest"]
    assert len({trace["stackgroup"] for trace in parts}) == 1


def test_layers_are_in_the_order_of_their_numbers() -> None:
    figure = drawn(FIGURES["parameter-norms"], FULL)
    lines = [trace["name"] for trace in figure["data"] if not trace["meta"].get("marks")]
    assert lines == ["all", "2", "10"]


def test_twenty_eight_layers_and_their_sum_look_all_different() -> None:
    columns = {f"parameter_norm.{layer}": [1.0] for layer in range(28)} | {"parameter_norm": [5.0]}
    figure = drawn(FIGURES["parameter-norms"], Material(curves=(curve_of(columns),)))
    looks = [(t["line"]["color"], t["line"]["dash"]) for t in figure["data"] if not t["meta"].get("marks")]
    assert len(set(looks)) == 29


def test_a_second_panel_without_a_point_is_left_out() -> None:
    with_angle = drawn(FIGURES["gradient-norm"], FULL)["layout"]
    assert with_angle["yaxis3"]["title"]["text"] == "Angle (°)"
    without = drawn(FIGURES["gradient-norm"], Material(curves=(curve_of({"gradient_norm": [1.0]}),)))
    assert "yaxis3" not in without["layout"]
    assert without["layout"]["xaxis"]["anchor"] == "y"


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.09, 0.3, 0.6], [0.1, 0.2, 0.5]),
        ([1e-4, 1.0], [1e-4, 1e-2, 1.0]),
        ([3.0, 0.0, math.inf], None),
        ([0.0], None),
    ],
)
def test_a_low_axis_has_few_ticks(values: list[float], ticks: list[float] | None) -> None:
    assert few_ticks(values).get("tickvals") == (None if ticks is None else pytest.approx(ticks))
