"""What every store must do with series."""

import math
import random
from typing import Any

import pytest

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.store import Store
from server.makers import batch, finish, same, step, steps


class SeriesContract:
    def test_columns_are_in_order_of_step_and_have_gaps(self, store: Store, run: str) -> None:
        store.append(run, batch(step(3, a=math.inf), step(1, a="x"), step(2)))
        series = store.series(run, ["a", "loss", "nothing"])
        assert (series.x_name, series.x, series.steps) == ("step", [1, 2, 3], [1, 2, 3])
        assert series.values == {"a": ["x", None, math.inf], "loss": [1.0, 0.5, 1 / 3], "nothing": [None] * 3}
        assert (series.total, series.sampled) == (3, False)

    def test_no_names_mean_every_number(self, store: Store, run: str) -> None:
        store.append(run, batch(step(1, flag=True, text="x", count=3)))
        assert list(store.series(run, []).values) == ["count", "loss"]

    @pytest.mark.parametrize(
        ("x", "expected"),
        [
            ("seconds", [0.5, 1.0, 1.5]),
            ("wall_time", ["2026-03-01T12:00:01Z", "2026-03-01T12:00:02Z", "2026-03-01T12:00:03Z"]),
            ("curvature_products", [10, 10, 30]),
            ("loss_evaluations", [0, 0, 0]),
        ],
    )
    def test_x_is_what_was_asked_for(self, store: Store, run: str, x: str, expected: list[object]) -> None:
        counts = [10, None, 20]
        store.append(run, batch(*(step(n, curvature_products=c) for n, c in enumerate(counts, start=1))))
        assert store.series(run, ["loss"], x=x).x == expected

    def test_an_unknown_x_is_refused(self, store: Store, run: str) -> None:
        with pytest.raises(InvalidRequest, match=r"x is 'loss'; it must be one of step, seconds, wall_time"):
            store.series(run, ["loss"], x="loss")

    @pytest.mark.parametrize(
        ("start", "stop", "expected"),
        [(None, 3, [1, 2, 3]), (4, None, [4, 5, 6]), (2, 4, [2, 3, 4]), (7, None, []), (4, 2, [])],
    )
    def test_a_range_includes_both_ends(
        self, store: Store, run: str, start: int | None, stop: int | None, expected: list[int]
    ) -> None:
        store.append(run, steps(1, 6))
        series = store.series(run, ["loss"], start=start, stop=stop)
        assert (series.steps, series.total) == (expected, len(expected))

    def test_a_running_total_counts_from_the_first_step(self, store: Store, run: str) -> None:
        store.append(run, steps(1, 100, gradient_equivalents=2.0))
        ranged = store.series(run, ["loss"], x="gradient_equivalents", start=50, stop=60)
        assert ranged.x == [2.0 * number for number in range(50, 61)]
        sampled = store.series(run, ["loss"], x="gradient_equivalents", max_points=10)
        assert sampled.x == [2.0 * number for number in sampled.steps]

    def test_sampling_keeps_ends_extremes_and_what_is_not_finite(self, store: Store, run: str) -> None:
        values = [math.sin(number / 30) for number in range(1000)]
        values[400], values[401], values[700], values[333] = 9.0, -9.0, math.nan, math.inf
        store.append(run, batch(*(step(n + 1, loss=v, text="x") for n, v in enumerate(values))))
        sampled = store.series(run, ["loss", "text"], max_points=50)
        assert (sampled.total, sampled.sampled) == (1000, True)
        assert 20 <= len(sampled.steps) <= 52
        assert {1, 1000, 401, 402, 701, 334} <= set(sampled.steps)
        assert same(sampled.values["loss"], [values[number - 1] for number in sampled.steps])
        again = store.series(run, ["loss", "text"], max_points=50)
        assert again.steps == sampled.steps

    def test_few_rows_are_not_sampled(self, store: Store, run: str) -> None:
        store.append(run, steps(1, 50))
        assert not store.series(run, ["loss"], max_points=50).sampled

    def test_a_long_series_is_thinned_as_its_rows_would_be(self, store: Store, run: str) -> None:
        """However long, in whatever order it came, and with gaps and values of every kind."""
        source = random.Random(3)
        odd = [math.nan, math.inf, True, "text", None, 10**400]
        numbers = [n for n in range(1, 4000) if not 1500 <= n < 1700 and not (2048 < n <= 3072 and n % 100)]
        records = [
            step(
                n,
                noise=source.gauss(0, 1),
                odd=odd[n % 7] if n % 7 < 6 and n % 50 == 0 else n,
                curvature_products=3,
            )
            for n in numbers
        ]
        records[700] = step(numbers[700], other=1.0)
        parts = [records[begin : begin + 250] for begin in range(0, len(records), 250)]
        source.shuffle(parts)
        for part in parts:
            store.append(run, batch(*part))
        for x in ("step", "seconds", "wall_time", "curvature_products"):
            for start, stop in ((None, None), (1000, None), (None, 3000), (1025, 2048), (9999, None)):
                self._assert_thinned(store, run, x=x, start=start, stop=stop)

    @staticmethod
    def _assert_thinned(store: Store, run: str, **part: Any) -> None:
        names = ["noise", "odd", "other", "nothing"]
        every = store.series(run, names, **part)
        thinned = store.series(run, names, **part, max_points=100)
        where = {number: index for index, number in enumerate(every.steps)}
        picks = [where[number] for number in thinned.steps]
        assert (thinned.total, thinned.sampled) == (every.total, len(picks) < every.total)
        assert thinned.x == [every.x[index] for index in picks]
        for name in names:
            assert same(thinned.values[name], [every.values[name][index] for index in picks])
        if every.total > 100:
            noise = [value for value in every.values["noise"] if value is not None]
            extremes = {every.values["noise"].index(bound(noise)) for bound in (min, max)}
            assert {0, every.total - 1} | extremes <= set(picks)
            assert len(picks) <= 102 + sum(type(value) is not int for value in every.values["odd"])

    def test_steps_that_gave_way_are_in_no_series(self, store: Store, run: str, worker: str) -> None:
        store.append(run, steps(1, 3000, loss=5.0))
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        store.append(run, steps(1500, 2600, attempt=2, loss=1.0))
        thinned = store.series(run, ["loss"], max_points=50)
        assert (thinned.total, thinned.steps[-1]) == (2600, 2600)
        assert {(s < 1500, v) for s, v in zip(thinned.steps, thinned.values["loss"], strict=True)} == {
            (True, 5.0),
            (False, 1.0),
        }
        store.finish(run, finish(attempt=2))
        store.requeue(run, from_scratch=True)
        assert store.series(run, ["loss"], max_points=50).total == 0
