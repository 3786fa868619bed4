"""Figures over HTTP."""

import math

import httpx
import pytest

from hessianfree_lab.figures import FIGURES
from server.makers import spectrum
from web.samples import record

STEPS = [
    {"loss": 4.0, "gradient_equivalents": 3.0, "gradient_norm": "Infinity"},
    {"loss": "NaN", "gradient_equivalents": 5.0},
    {"loss": 1.0, "gradient_equivalents": 2.0},
]


def figure(http: httpx.Client, name: str, **query: str | int) -> httpx.Response:
    return http.get(f"/api/v1/figures/{name}", params=query)


def test_a_figure_of_a_run(http: httpx.Client) -> None:
    run = record(http, name="first", steps=STEPS)
    answer = figure(http, "loss", runs=run)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    line, marks, *_ = answer.json()["data"]
    assert (line["x"], line["y"]) == ([1.0, 2.0, 3.0], [4.0, None, 1.0])
    assert marks["text"] == ["NaN"]
    identity = {"run": run, "attempt": 1, "controls": 0}
    assert line["meta"] == identity | {"metric": "loss", "x": "step", "step": 3, "colour": 0}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_a_run_with_little_in_it(http: httpx.Client, name: str) -> None:
    run = record(http, steps=[{"loss": 1.0}])
    answer = figure(http, name, runs=run)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"data", "layout"}


def test_any_metric_of_several_runs_over_a_running_total(http: httpx.Client) -> None:
    first, second = record(http, name="one", steps=STEPS), record(http, name="two", steps=STEPS[:1])
    answer = figure(
        http, "metric", runs=f"{second},{first},{second}", x="gradient_equivalents", metric="loss"
    ).json()
    lines = [trace for trace in answer["data"] if not trace["meta"].get("marks")]
    assert [(line["name"], line["x"], line["meta"]["total"]) for line in lines] == [
        ("two", [3.0], 3.0),
        ("one", [3.0, 8.0, 10.0], 10.0),
    ]


def test_runs_of_one_name_are_told_apart(http: httpx.Client) -> None:
    ids = [record(http, name="twin", steps=STEPS[:1]) for _ in range(2)]
    answer = figure(http, "metric", runs=",".join(ids)).json()
    assert [trace["name"] for trace in answer["data"] if not trace["meta"].get("marks")] == [
        f"twin ({run[-4:]})" for run in ids
    ]


def test_long_runs_are_sampled_and_keep_their_ends(http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": float(step % 7)} for step in range(5000)])
    line = figure(http, "loss", runs=run).json()["data"][0]
    assert 1000 < len(line["x"]) <= 2100
    assert (line["x"][0], line["x"][-1], line["meta"]["step"]) == (1.0, 5000.0, 5000)


def test_the_inner_solve_of_a_step_or_of_the_latest_that_has_one(http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": 1.0}, {"loss": 0.5}, {"loss": 0.25}])
    cg = [{"step": step, "stop": "Divergence", "model_values": [0, -step]} for step in (1, 2)]
    assert http.post(f"/api/v1/runs/{run}/records", json={"attempt": 1, "cg": cg}).status_code == 200
    captions = [
        figure(http, "inner-solve", runs=run, **step).json()["layout"]["meta"]["caption"]
        for step in ({}, {"step": 1}, {"step": 3})
    ]
    assert captions == [
        "Step 2: 1 iteration, ended by Divergence.",
        "Step 1: 1 iteration, ended by Divergence.",
        "Step 2: 1 iteration, ended by Divergence.",
    ]


def test_the_loss_along_the_step_is_that_of_the_latest_that_was_looked_along(http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": 1.0}] * 300)
    along = [{"scale": 0.0, "loss": 1.0, "model": 1.0}, {"scale": 0.5, "loss": 0.5, "model": 0.25}]
    cg = [{"step": step, "slice": along if step in (1, 101) else []} for step in range(1, 301)]
    assert http.post(f"/api/v1/runs/{run}/records", json={"attempt": 1, "cg": cg}).is_success
    drawn = [figure(http, "loss-slice", runs=run, **step).json() for step in ({}, {"step": 100})]
    assert [answer["layout"]["meta"]["caption"] for answer in drawn] == [
        "Step 101, the latest up to here that was looked along: the loss is lowest at 0.5.",
        "Step 1, the latest up to here that was looked along: the loss is lowest at 0.5.",
    ]
    assert drawn[0]["data"][0]["x"] == [0.0, 0.5]


def test_heat_maps_of_many_solves_are_sampled_until_they_are_zoomed_into(http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": 1.0, "cg_iterations": 2}] * 1000)
    cg = [
        {
            "step": step,
            "residual_norms": [4.0, 2.0, "NaN" if step == 501 else 0.04],
            "ritz_values": [1.0, 5.0],
        }
        for step in range(1, 1001)
    ]
    assert http.post(f"/api/v1/runs/{run}/records", json={"attempt": 1, "cg": cg}).is_success
    whole = figure(http, "residual-map", runs=run).json()
    cells = whole["data"][0]
    assert cells["x"] == list(range(1, 1001, 4))
    assert [row[1] for row in cells["z"]] == pytest.approx([0, -0.301, -2])
    assert whole["layout"]["meta"]["refresh_seconds"] > 0
    part = figure(http, "residual-map", runs=run, start="500.4", stop="502").json()
    assert part["data"][0]["x"] == [500, 501, 502]
    assert part["data"][0]["z"][2][1] is None
    assert (part["data"][1]["x"], part["data"][1]["text"]) == ([501.0], ["NaN"])
    in_seconds = figure(http, "ritz-map", runs=run, x="seconds", start="1", stop="2").json()
    assert len(in_seconds["data"][0]["x"]) == 250, "x of a heat map are steps, whatever it is elsewhere"


def test_norms_of_layers_are_found_by_how_their_names_begin(http: httpx.Client) -> None:
    row = {"loss": 1.0, "parameter_norm": 5.0, "parameter_norm.10": 4.0, "parameter_norm.2": 3.0}
    answer = figure(http, "parameter-norms", runs=record(http, steps=[row])).json()
    lines = [trace for trace in answer["data"] if not trace["meta"].get("marks")]
    assert [(trace["name"], trace["y"]) for trace in lines] == [("all", [5.0]), ("2", [3.0]), ("10", [4.0])]


def test_the_spectrum_of_a_step_is_the_latest_up_to_it(http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": 1.0}] * 4)
    spectra = [spectrum(step).model_dump(mode="json") for step in (2, 4)]
    assert http.post(f"/api/v1/runs/{run}/records", json={"attempt": 1, "spectra": spectra}).is_success
    captions = [
        figure(http, "spectrum", runs=run, **step).json()["layout"]["meta"]["caption"]
        for step in ({}, {"step": 3}, {"step": 1})
    ]
    assert [caption.partition(":")[0] for caption in captions] == [
        "Step 4",
        "Step 2",
        "This run has no record of a spectrum so far back.",
    ]


@pytest.mark.parametrize(
    ("name", "query", "status", "words"),
    [
        (
            "nonsense",
            {"runs": "x"},
            404,
            "There is no figure 'nonsense'; there are: agreement, cg-iterations",
        ),
        ("loss", {"runs": "nowhere"}, 404, "There is no run 'nowhere'."),
        ("loss", {"runs": ""}, 422, "1 to 100"),
        ("loss", {"runs": ",".join(map(str, range(101)))}, 422, "runs names 101 runs"),
        ("loss", {}, 422, "runs"),
        ("inner-solve", {"runs": "x", "step": "0"}, 422, "step"),
    ],
)
def test_bad_requests_get_a_sentence(
    http: httpx.Client, name: str, query: dict[str, str], status: int, words: str
) -> None:
    answer = figure(http, name, **query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_an_axis_that_does_not_count_is_refused(http: httpx.Client) -> None:
    run = record(http, steps=STEPS)
    assert figure(http, "loss", runs=run, x="loss").status_code == 422


def test_a_metric_gets_no_points_of_another(http: httpx.Client) -> None:
    steps = [{"loss": math.sin(n * 1.7), "eval_loss": math.cos(n * 2.3)} for n in range(5000)]
    run = record(http, steps=steps)
    loss, _, held_out, *_ = figure(http, "loss", runs=run, points=100).json()["data"]
    assert (loss["meta"]["metric"], held_out["meta"]["metric"]) == ("loss", "eval_loss")
    assert max(len(loss["x"]), len(held_out["x"])) <= 100
    assert loss["x"] == figure(http, "metric", runs=run, metric="loss", points=100).json()["data"][0]["x"]


@pytest.mark.parametrize(
    ("x", "start", "stop"),
    [
        ("step", "1000", "1200"),
        ("seconds", "100", "120"),
        ("gradient_equivalents", "3000", "3600"),
        ("wall_time", "2026-03-01T00:16:40Z", "2026-03-01T00:20:00"),
        ("elapsed", "999", "1199"),
    ],
)
def test_a_part_is_every_row_between_its_bounds_in_units_of_x(
    http: httpx.Client, x: str, start: str, stop: str
) -> None:
    steps = [
        {
            "wall_time": f"2026-03-01T00:{n // 60:02d}:{n % 60:02d}Z",
            "seconds": n / 10,
            "loss": 1 / n,
            "gradient_equivalents": 3,
        }
        for n in range(1, 3600)
    ]
    run = record(http, steps=steps)
    whole = figure(http, "loss", runs=run, x=x).json()
    part = figure(http, "loss", runs=run, x=x, start=start, stop=stop).json()
    assert (whole["layout"]["meta"]["sampled"], whole["layout"]["meta"]["x"]) == (True, x)
    assert part["layout"]["meta"]["sampled"] is False
    assert part["data"][0]["customdata"] == list(range(999, 1202))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"start": "soon"}, "start is 'soon'; along step it must be a number."),
        ({"stop": "NaN"}, "stop is 'NaN'; along step it must be a number."),
        ({"x": "wall_time", "start": "5"}, "start is '5'; along wall_time it must be a time such as"),
        ({"start": "9", "stop": "3"}, "stop is '3'; it must not be before start, '9'."),
        ({"points": "1"}, "points"),
    ],
)
def test_bounds_that_are_none_get_a_sentence(http: httpx.Client, query: dict[str, str], words: str) -> None:
    answer = figure(http, "loss", runs=record(http, steps=STEPS), **query)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_hundred_runs_share_the_points_of_one_figure(http: httpx.Client) -> None:
    steps = [{"loss": math.sin(n * 1.7)} for n in range(1000)]
    runs = [record(http, steps=steps) for _ in range(2)]
    runs += [record(http, steps=STEPS) for _ in range(98)]
    answer = figure(http, "metric", runs=",".join(runs)).json()
    lines = [trace for trace in answer["data"] if not trace["meta"].get("marks")]
    assert [line["meta"]["run"] for line in lines] == runs
    assert 100 <= len(lines[0]["x"]) <= 300
