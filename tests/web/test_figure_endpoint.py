"""Figures over HTTP."""

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
        "Step 2: 1 iterations, ended by Divergence.",
        "Step 1: 1 iterations, ended by Divergence.",
        "This run has no record of its inner solves.",
    ]


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
        ("nonsense", {"runs": "x"}, 404, "There is no figure 'nonsense'; there are: cg-iterations, damping"),
        ("loss", {"runs": "nowhere"}, 404, "There is no run 'nowhere'."),
        ("loss", {"runs": ""}, 422, "1 to 16"),
        ("loss", {"runs": ",".join(map(str, range(17)))}, 422, "runs names 17 runs"),
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
