"""Comparisons over HTTP: figures of several runs, and the tables beside them."""

from typing import Any

import httpx
import pytest

from web.samples import record


def losses(*values: float, work: float = 2.0) -> list[dict[str, Any]]:
    return [
        {
            "loss": value,
            "gradient_equivalents": work,
            "seconds": 10.0 * n,
            "wall_time": f"2026-03-01T12:00:{n:02d}Z",
        }
        for n, value in enumerate(values, start=1)
    ]


@pytest.fixture
def trio(http: httpx.Client) -> list[str]:
    """Two runs of adam, which agree but for the seed, and one of hf that is quicker in steps and dearer in work."""
    adam = {"optimizer": "adam", "problem": "digits"}
    return [
        record(http, name="a", steps=losses(8, 6, 4, 2), config={"lr": 0.1, "seed": 0}, **adam),
        record(http, name="b", steps=losses(8, 7, 6), config={"lr": 0.1, "seed": 1}, **adam),
        record(
            http,
            name="c",
            steps=losses(8, 1, work=10),
            config={"lr": 0.5, "seed": 0},
            optimizer="hf",
            problem="digits",
        ),
    ]


def figure(http: httpx.Client, name: str, runs: list[str], **query: str | float) -> dict[str, Any]:
    answer = http.get(f"/api/v1/figures/{name}", params={"runs": ",".join(runs)} | query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def table(http: httpx.Client, name: str, runs: list[str], **query: str | float) -> dict[str, Any]:
    answer = http.get(f"/api/v1/comparisons/{name}", params={"runs": ",".join(runs)} | query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_smoothed_figure_says_how_to_go_on(http: httpx.Client, trio: list[str]) -> None:
    smoothed = figure(http, "metric", trio[:1], smooth=0.5)["data"][-1]
    assert smoothed["y"] == pytest.approx([8, 20 / 3, 36 / 7, 52 / 15])
    assert smoothed["meta"]["smooth"] == {"weight": 0.5, "last": pytest.approx(52 / 15), "count": 4}
    assert smoothed["meta"]["step"] == 4


def test_smoothing_is_of_every_row_also_where_few_are_drawn(http: httpx.Client) -> None:
    run = record(http, steps=[{"loss": float(n % 2)} for n in range(3000)])
    few = figure(http, "metric", [run], smooth=0.9, points=50)
    raw, *_, smoothed = few["data"]
    assert len(raw["x"]) < 100
    assert len(smoothed["x"]) == len(raw["x"])
    assert max(abs(y - 0.5) for y in smoothed["y"][20:]) < 0.06
    part = figure(http, "metric", [run], smooth=0.9, start=1000, stop=1020)["data"]
    assert max(abs(y - 0.5) for y in part[-1]["y"]) < 0.06


def test_groups_by_any_key_with_mean_and_band(http: httpx.Client, trio: list[str]) -> None:
    for key, names in (
        ("optimizer", ["adam", "hf"]),
        ("config.lr", ["lr 0.1", "lr 0.5"]),
        ("seed", ["seed none"]),
    ):
        drawn = figure(http, "metric", trio, group=key)["data"]
        assert list(dict.fromkeys(trace["meta"]["group"] for trace in drawn)) == names
    line = figure(http, "metric", trio, group="optimizer", middle="median", band="range")["data"][1]
    assert line["y"] == [8, 6.5, 5, None]
    assert line["meta"]["of"] == trio[:2]


def test_groups_over_the_clock_keep_moments(http: httpx.Client, trio: list[str]) -> None:
    line = figure(http, "metric", trio[:2], group="optimizer", x="wall_time")["data"][1]
    assert line["x"][0] == "2026-03-01T12:00:01Z"
    assert line["y"][:3] == [8, 6.5, 5]


def test_a_zoom_into_groups_stays_in_it(http: httpx.Client) -> None:
    runs = [record(http, steps=[{"loss": float(n)} for n in range(2000)]) for _ in range(2)]
    line = figure(http, "metric", runs, group="optimizer", start=500, stop=520)["data"][1]
    assert (line["x"][0], line["x"][-1], len(line["x"])) == (499, 521, 23)


def test_the_difference_to_a_baseline(http: httpx.Client, trio: list[str]) -> None:
    drawn = figure(http, "metric", trio, baseline=trio[0])
    assert [trace["y"] for trace in drawn["data"]] == [[0, 0, 0, 0], [0, 1, 2], [0, -5]]
    over_work = figure(http, "metric", trio, baseline=trio[0], relation="ratio", x="gradient_equivalents")
    assert over_work["data"][2]["y"] == []  # its first row is dearer than all of the baseline


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"baseline": "nobody"}, "baseline is 'nobody'; it must be one of the runs"),
        ({"smooth": 1}, "smooth"),
        ({"middle": "mode"}, "middle"),
        ({"x": "loss"}, "x is 'loss'; it must be one of step, seconds"),
    ],
)
def test_what_cannot_be_shown_is_refused(
    http: httpx.Client, trio: list[str], query: dict[str, str], words: str
) -> None:
    answer = http.get("/api/v1/figures/metric", params={"runs": ",".join(trio), "group": "optimizer"} | query)
    assert answer.status_code == 422
    assert words in answer.text


def test_any_two_values_of_runs(http: httpx.Client, trio: list[str]) -> None:
    drawn = figure(http, "scatter", trio, x="gradient_equivalents", metric="loss.min")
    assert [(t["x"], t["y"], t["meta"]["of"]) for t in drawn["data"]] == [
        ([8], [2], trio[0]),
        ([6], [6], trio[1]),
        ([20], [1], trio[2]),
    ]
    assert len({trace["meta"]["colour"] for trace in drawn["data"]}) == 3
    grouped = figure(http, "scatter", trio, x="config.lr", metric="elapsed", group="optimizer")
    assert [(t["x"], t["y"], t["meta"]["group"]) for t in grouped["data"]] == [
        ([0.1], [3], "adam"),
        ([0.1], [2], "adam"),
        ([0.5], [1], "hf"),
    ]
    assert grouped["data"][0]["meta"]["colour"] == grouped["data"][1]["meta"]["colour"]
    nothing = figure(http, "scatter", trio, x="config.momentum", metric="loss.last")
    assert (nothing["data"], nothing["layout"]["meta"]["caption"]) == ([], "3 of 3 runs have no such value.")


def test_what_runs_can_be_grouped_by_and_their_groups(http: httpx.Client, trio: list[str]) -> None:
    found = table(http, "groups", trio, group="optimizer")
    assert found["keys"] == ["optimizer", "config.lr", "config.seed"]
    assert found["items"] == [
        {"name": "adam", "colour": 0, "runs": trio[:2]},
        {"name": "hf", "colour": 1, "runs": trio[2:]},
    ]


def test_what_runs_cost_in_all(http: httpx.Client, trio: list[str]) -> None:
    found = table(http, "totals", trio)["items"]
    assert [(item["run"], item["gradient_equivalents"], item["elapsed"]) for item in found] == [
        (trio[0], 8, 3),
        (trio[1], 6, 2),
        (trio[2], 20, 1),
    ]
    assert found[0]["curvature_products"] is None
    assert [item["step"] for item in found] == [4, 3, 2]


def test_a_target_says_what_it_took_each_run(http: httpx.Client, trio: list[str]) -> None:
    found = table(http, "targets", trio, target=4)
    assert (found["target"], found["suggested"]) == (4, False)
    assert [item["costs"] for item in found["items"]] == [
        {"step": 3, "seconds": 30, "elapsed": 2, "gradient_equivalents": 6},
        None,
        {"step": 2, "seconds": 20, "elapsed": 1, "gradient_equivalents": 20},
    ]
    suggested = table(http, "targets", trio)
    assert suggested["suggested"]
    assert suggested["target"] == pytest.approx(1.7)
    assert [item["costs"] is not None for item in suggested["items"]] == [False, False, True]
    unknown = table(http, "targets", trio, metric="eval_loss")
    assert [(item["target"], item["costs"]) for item in unknown["items"]] == [(None, None)] * 3


def test_each_problem_has_a_target_of_its_own(http: httpx.Client) -> None:
    runs = [record(http, problem=f"p{n}", steps=losses(10.0**n, 0.0)) for n in (0, 3)]
    found = table(http, "targets", runs)
    assert found["target"] is None
    assert [item["target"] for item in found["items"]] == pytest.approx([0.1, 100.0])


def test_a_profile_over_problems_and_seeds(http: httpx.Client, trio: list[str]) -> None:
    more = [
        record(http, steps=losses(8, 3, 1), config={"seed": 1}, optimizer="hf", problem="digits"),
        record(http, steps=losses(9, 1), config={"seed": 7}, optimizer="hf", problem="digits"),
    ]
    drawn = figure(http, "performance-profile", [*trio, *more], x="step", target=6)
    adam, hf = drawn["data"]
    # Seed 0: adam needs 2 steps, hf 2. Seed 1: adam 3, hf 2. Seed 7 is hf's alone.
    assert (adam["x"][:2], adam["y"][:2]) == ([1, 1.5], [0.5, 1])
    assert (hf["x"][0], hf["y"][0]) == (1, 1)
    caption = drawn["layout"]["meta"]["caption"]
    assert (
        caption
        == "2 problems and seeds; 1 that not every group has run are left out. Solved: the target was reached."
    )


def test_without_seeds_in_common_problems_are_the_instances(http: httpx.Client) -> None:
    runs = [
        record(http, steps=losses(*found), config={"seed": seed}, optimizer=optimizer, problem=problem)
        for optimizer, problem, seed, found in (
            ("adam", "p", 0, (8, 4, 1)),
            ("adam", "q", 0, (8, 4, 4, 1)),
            ("hf", "p", 0, (8, 1)),
            ("hf", "q", 1, (8, 1)),
            ("hf", "q", 2, (8, 4, 4, 4)),
        )
    ]
    drawn = figure(http, "performance-profile", runs, x="step", target=1)
    assert drawn["layout"]["meta"]["caption"].startswith("2 problems.")
    adam, hf = drawn["data"]
    # hf on q: the median of 2 and never is never.
    assert (adam["x"][:2], adam["y"][:2]) == ([1, 1.5], [0.5, 1])
    assert hf["y"] == [0.5, 0.5]


def test_a_profile_of_too_little_says_so(http: httpx.Client, trio: list[str]) -> None:
    nobody = figure(http, "performance-profile", trio[:2], x="seconds")
    assert nobody["data"] == []
    assert "there is nobody to be compared with" in nobody["layout"]["meta"]["caption"]
    one = figure(http, "performance-profile", trio, x="seconds")
    assert "A profile needs at least two problems" in one["layout"]["meta"]["caption"]
    answer = http.get(
        "/api/v1/figures/performance-profile", params={"runs": ",".join(trio), "x": "wall_time"}
    )
    assert answer.status_code == 422


def test_a_hundred_runs_are_the_most(http: httpx.Client) -> None:
    for path in ("figures/scatter", "comparisons/groups", "comparisons/targets", "comparisons/totals"):
        answer = http.get(f"/api/v1/{path}", params={"runs": ",".join(map(str, range(101)))})
        assert (answer.status_code, "runs names 101 runs" in answer.text) == (422, True)
        assert http.get(f"/api/v1/{path}", params={"runs": "nobody"}).status_code == 404
