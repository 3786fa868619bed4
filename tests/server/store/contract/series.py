"""What every store must do with series."""

import math
import random
from typing import Any

import pytest

from hessianfree_lab.errors import InvalidRequest, RunNotFound
from hessianfree_lab.records import RunChanges, ScriptRun
from hessianfree_lab.records.series import Window
from hessianfree_lab.store import Store
from server.makers import batch, finish, same, step, steps, trace


class SeriesContract:
    def test_columns_are_in_order_of_step_and_have_gaps(self, store: Store, run: str) -> None:
        store.append(run, batch(step(3, a=math.inf), step(1, a="x"), step(2)))
        series = store.series(run, ["a", "loss", "nothing"])
        assert (series.x_name, series.x, series.steps) == ("step", [1, 2, 3], [1, 2, 3])
        assert series.values == {"a": ["x", None, math.inf], "loss": [1.0, 0.5, 1 / 3], "nothing": [None] * 3}
        assert (series.total, series.sampled) == (3, False)

    @pytest.mark.parametrize("name", ["layer.0.weight", "train/loss", "a-b", "_x", "x_1"])
    def test_a_metric_may_have_any_name(self, store: Store, run: str, name: str) -> None:
        store.append(run, batch(step(1, **{name: 2.5}), step(2, **{name: math.nan})))
        values = store.series(run, [name]).values[name]
        assert values[0] == 2.5
        assert same(values[1], math.nan)

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

    def test_what_is_no_number_adds_nothing_to_a_running_total(self, store: Store, run: str) -> None:
        work = [2.0, math.nan, math.inf, 3.0]
        store.append(run, batch(*(step(n + 1, loss=1.0, gradient_equivalents=w) for n, w in enumerate(work))))
        assert store.series(run, ["loss"], x="gradient_equivalents").x == [2.0, 2.0, 2.0, 5.0]

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
        numbers = [n for n in range(1, 5200) if not 1500 <= n < 1700 and not (2048 < n <= 3072 and n % 100)]
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
        # The chunk that it completes stands behind rows that were too few for one.
        late = [record for record in records if record.step == 4000]
        for part in [[record for record in part if record.step != 4000] for part in parts] + [late]:
            store.append(run, batch(*part))
        rows = [record.metrics.get("noise") for record in store.rows(run)]
        assert store.series(run, ["noise"]).values["noise"] == rows
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

    @pytest.mark.parametrize("last", [None, 10, 1500, 9999])
    def test_measurements_are_every_row_or_the_last_ones(
        self, store: Store, run: str, last: int | None
    ) -> None:
        """From chunks and rows, on several axes at once."""
        rows = [step(n, curvature_products=n, odd=None if n % 3 else math.nan) for n in range(1, 3001)]
        store.append(run, batch(*rows))
        along = ("step", "seconds", "elapsed", "curvature_products")
        for axes in (along[:2], along):
            found = store.measurements(run, ["loss", "odd"], along=axes, last=last)
            assert len(found.steps) == min(last or 3000, 3000)
            assert list(found.x) == list(axes)
            for x in axes:
                expected = store.series(run, ["loss", "odd"], x=x)
                kept = slice(-len(found.steps), None)
                assert (found.steps.tolist(), found.x[x].tolist()) == (expected.steps[kept], expected.x[kept])
            for name, (values, measured) in found.columns.items():
                shown = [v if m else None for v, m in zip(values.tolist(), measured.tolist(), strict=True)]
                assert same(shown, expected.values[name][kept])
        assert not store.measurements(run, ["nothing"]).columns["nothing"][1].any()

    def test_what_cannot_be_measured_is_refused(self, store: Store, run: str) -> None:
        with pytest.raises(RunNotFound):
            store.measurements("nobody", ["loss"])
        with pytest.raises(InvalidRequest, match="x is 'loss'"):
            store.measurements(run, ["loss"], along=["loss"])
        assert store.measurements(run, ["loss"], last=10).steps.tolist() == []

    def test_an_answer_is_made_anew_when_its_run_has_changed(self, store: Store, run: str) -> None:
        """By steps, by an inner solve, of which no event tells, and by hand."""
        other, asked = store.add_script_run(ScriptRun(name="b")).id, []

        def make(run_id: str) -> int:
            asked.append(run_id)
            return len(store.measurements(run_id, ["loss"]).steps)

        assert store.answers([other, run], "rows", make) == {other: 0, run: 0}
        assert store.answers([run, other], "rows", make) == {other: 0, run: 0}
        assert asked == [other, run]
        assert store.answers([run], "others", make) == {run: 0}
        asked.clear()
        store.append(run, steps(1, 2))
        assert store.answers([run, other], "rows", make) == {run: 2, other: 0}
        for change in (
            lambda: store.append(run, batch(cg=[trace(2)])),
            lambda: store.change_run(run, RunChanges(name="c")),
        ):
            change()
            store.answers([run, other], "rows", make)
        assert asked == [run] * 3

    @pytest.mark.parametrize("x", ["step", "seconds", "wall_time", "elapsed", "curvature_products"])
    def test_a_window_shows_what_lies_within_it_and_one_row_beside(
        self, store: Store, run: str, x: str
    ) -> None:
        """With chunks and without, wherever it begins and ends, as a slow reading of all rows has it."""
        numbers = [*range(1, 2600), *range(2700, 2800, 7), 5000]
        rows = [
            step(n, curvature_products=n % 3, noise=math.sin(n * 1.7), stop="end" if n % 5 else None)
            for n in numbers
        ]
        store.append(run, batch(*rows))
        places, points = store.measurements(run, ["noise"], along=[x]).x[x].tolist(), 50
        for low, high in ((None, None), (0.2, 0.7), (0.5, 0.5001), (0.999, 1.5), (-1.0, 0.001), (2.0, 3.0)):
            start, stop = (
                None if share is None else places[0] + share * (places[-1] - places[0])
                for share in (low, high)
            )
            window = Window(x=x, start=start, stop=stop, points=points)
            series = store.recordings([run], ["noise", "stop"], window)[0].series
            inside = [
                row
                for row, place in enumerate(places)
                if (start is None or place >= start) and (stop is None or place <= stop)
            ]
            if inside:
                expected = numbers[max(0, inside[0] - 1) : inside[-1] + 2]
            else:
                before = sum(place < (start or 0) for place in places)
                expected = numbers[max(0, before - 1) : before + 1]
            assert series.total == len(expected)
            assert set(series.steps) <= set(expected)
            assert [series.steps[0], series.steps[-1]] == [expected[0], expected[-1]]
            assert series.sampled == (len(series.steps) < len(expected))
            assert len(series.steps) <= max(points, 4) + 2
            if len(expected) <= points:
                assert series.steps == expected
            full = store.series(run, ["noise", "stop"], x=x)
            where = {number: index for index, number in enumerate(full.steps)}
            picks = [where[number] for number in series.steps]
            assert series.x == [full.x[index] for index in picks]
            for name in ("noise", "stop"):
                assert series.values[name] == [full.values[name][index] for index in picks]

    def test_a_long_series_that_is_kept_shows_every_new_row(self, store: Store, run: str) -> None:
        store.append(run, steps(1, 3000))
        for last in (3001, 3002):
            store.append(run, steps(last, last, loss=float(last)))
            for _ in range(2):
                series = store.recordings([run], ["loss"], Window(points=100))[0].series
                assert (series.steps[-1], series.values["loss"][-1]) == (last, float(last))

    def test_what_figures_need_of_runs_comes_in_the_order_asked_for(self, store: Store, run: str) -> None:
        other = store.add_script_run(ScriptRun(name="b")).id
        store.append(run, steps(1, 3))
        store.request_set(run, {"damping": 1.0})
        second, first = store.recordings([other, run], ["damping", "loss"], Window())
        assert (second.run.name, second.series.values, second.series.steps) == ("b", {"damping": []}, [])
        assert (first.run.id, list(first.series.values)) == (run, ["loss"])
        assert ([c.kind for c in first.controls], [a.number for a in first.attempts]) == (["set"], [1])
        with pytest.raises(RunNotFound):
            store.recordings([run, "nobody"], ["loss"], Window())

    def test_the_points_of_a_metric_do_not_depend_on_what_else_is_asked_for(
        self, store: Store, run: str
    ) -> None:
        store.append(
            run, batch(*(step(n, noise=math.sin(n * 1.7), other=math.cos(n * 2.1)) for n in range(1, 2001)))
        )
        alone = store.recordings([run], ["noise"], Window(points=60))[0].series
        both = store.recordings([run], ["other", "noise"], Window(points=60))[0].series
        own = [both.steps[row] for row in both.kept["noise"]]
        assert own == [alone.steps[row] for row in alone.kept["noise"]]
        assert len(own) <= 60 < len(both.steps)
