"""Figures of one step, and of how spectra move."""

import math

import pytest

from hessianfree_lab.figures import FIGURES, Material
from hessianfree_lab.records import CGTrace
from server.makers import spectrum
from web.samples import FULL, curve_of, drawn, traces


def test_the_inner_solve_shows_kept_iterates_the_chosen_one_and_what_is_not_finite() -> None:
    figure = drawn(FIGURES["inner-solve"], FULL)
    named = {trace["name"]: trace for trace in figure["data"] if not trace.get("meta", {}).get("marks")}
    assert named["kept"]["x"] == [1, 2]
    assert (named["taken"]["x"], named["taken"]["y"]) == ([1], [-1.0])
    assert named["residual norm"]["y"] == [4.0, 1.0, None]
    marked = [trace for trace in figure["data"] if trace.get("meta", {}).get("marks") and trace["x"]]
    assert [(trace["yaxis"], trace["text"]) for trace in marked] == [("y4", ["Infinity"])]
    caption = figure["layout"]["meta"]["caption"]
    assert caption == (
        "Step 7: 2 iterations, ended by Convergence (Martens), iterate 1 taken, damping 0.5, line search 1 → 0.8."
    )


def test_ritz_values_are_logarithmic_while_positive() -> None:
    assert drawn(FIGURES["ritz-values"], FULL)["layout"]["yaxis"]["type"] == "log"
    indefinite = Material(trace=CGTrace(step=1, ritz_values=[-1.0, 2.0], damping=0.1))
    assert drawn(FIGURES["ritz-values"], indefinite)["layout"]["yaxis"]["type"] == "linear"


def test_the_loss_along_the_step_stands_beside_its_model_and_the_trials() -> None:
    figure = drawn(FIGURES["loss-slice"], FULL)
    named = {trace["name"]: trace for trace in figure["data"] if not trace["meta"].get("marks")}
    assert (named["loss"]["x"], named["loss"]["y"]) == ([-0.5, 0.0, 2.0], [5.0, 4.0, None])
    assert named["model"]["y"] == [4.5, 4.0, 2.5]
    assert (named["line search"]["x"], named["line search"]["y"]) == ([0.8, 1.0], [2.0, 3.0])
    (mark,) = [trace for trace in figure["data"] if trace["meta"].get("marks") and trace["x"]]
    assert (mark["x"], mark["text"], mark["yaxis"]) == ([2.0], ["Infinity"], "y2")


def test_the_spectrum_counts_eigenvalues_on_either_side_of_zero() -> None:
    figure = drawn(FIGURES["spectrum"], FULL)
    above, below = figure["data"]
    assert figure["layout"]["yaxis"]["type"] == "log"
    assert (above["y"], below["y"]) == ([898.0, 2.0], [1.0, 99.0])
    for bars, nodes in ((above, [0.2, 80.0]), (below, [-10.0, -0.1])):
        for center, width, node in zip(bars["x"], bars["width"], nodes, strict=True):
            assert center - width / 2 <= node <= center + width / 2
    assert figure["layout"]["meta"]["caption"] == (
        "Step 7: Hessian in 1,000 parameters, eigenvalues from -10 to 80, trace 300 ± 12, about 10 % below zero."
    )


@pytest.mark.parametrize("nodes", [[5.0], [0.0], [-3.0, -3.0], [0.0, math.inf]])
def test_a_spectrum_of_one_value_has_one_bar(nodes: list[float]) -> None:
    material = Material(spectrum=spectrum(1, nodes=nodes, weights=[1 / len(nodes)] * len(nodes)))
    figure = drawn(FIGURES["spectrum"], material)
    (found,) = [bars for bars in figure["data"] if bars["x"]]
    assert len(found["x"]) == 1
    assert found["y"] == [2.0 * sum(map(math.isfinite, nodes)) / len(nodes)]
    assert abs(found["x"][0] - nodes[0]) <= found["width"][0] / 2


def test_eigenvalues_less_than_a_thousandth_of_one_are_no_bar() -> None:
    material = Material(spectrum=spectrum(1, nodes=[1.0, 2.0], weights=[1 - 1e-6, 1e-6]))
    assert len(drawn(FIGURES["spectrum"], material)["data"][0]["x"]) == 1


def test_extremes_and_trace_grow_with_the_run() -> None:
    columns = {
        "spectrum_largest": [5.0, None, math.nan],
        "spectrum_smallest": [-1.0, None, -2.0],
        "spectrum_trace": [9.0, None, 8.0],
    }
    figure = drawn(FIGURES["extreme-eigenvalues"], Material(curves=(curve_of(columns),)))
    (largest,) = traces(figure, "spectrum_largest")
    (trace,) = traces(figure, "spectrum_trace")
    assert (largest["x"], largest["y"], largest["meta"]["step"]) == ([1, 3], [5.0, None], 3)
    assert (trace["y"], trace["yaxis"]) == ([9.0, 8.0], "y3")
    (mark,) = traces(figure, "spectrum_largest", marks=True)
    assert (mark["text"], mark["yaxis"]) == (["NaN"], "y2")
