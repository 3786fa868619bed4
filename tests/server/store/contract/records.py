"""What every store must do with what a run records."""

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hessianfree_lab.errors import InvalidRequest, RecordNotFound, RunNotFound
from hessianfree_lab.records import Landscape, StepRecord
from hessianfree_lab.store import Store
from hessianfree_lab.store.summaries import summarize
from server.makers import NOON, announcement, batch, finish, line, same, spec, spectrum, step, steps, trace

# A few values with ties, and everything that is not a number.
VALUES = st.sampled_from([0.0, -1.0, 2.5, 3, math.nan, math.inf, -math.inf, True, "text", None, 10**400])
ROWS = st.dictionaries(
    st.integers(1, 12), st.dictionaries(st.sampled_from(["loss", "a", "b"]), VALUES, max_size=3), max_size=12
)


class RecordContract:
    def test_a_batch_can_be_read_back(self, store: Store, run: str) -> None:
        sent = batch(
            step(1, damping=math.inf, accepted=True, cg_stop="tolerance"),
            step(2, damping=math.nan, other=None),
            cg=[
                trace(
                    1,
                    stop="tolerance",
                    model_values=[0.0, -math.inf],
                    kept=[{"iteration": 1, "loss": math.nan}],
                )
            ],
            spectra=[spectrum(2, largest=math.inf, trace_error=0.1)],
            logs=[line(0, "hello"), line(1)],
            environment={"torch": "2", "odd": math.inf},
            landscape=Landscape(x=[0, 1], y=[0], z=[[math.nan, 1]]),
        )
        assert store.append(run, sent).last_step == 2
        assert [same_step(a, b) for a, b in zip(store.rows(run), sent.steps, strict=True)] == [True, True]
        assert repr(store.trace(run, 1)) == repr(sent.cg[0])
        assert store.spectrum_steps(run) == [2]
        assert store.spectrum(run, 2) == sent.spectra[0]
        assert [(entry.attempt, entry.line) for entry in store.logs(run)] == [
            (1, line(0, "hello")),
            (1, line(1)),
        ]
        assert repr(store.landscape(run)) == repr(sent.landscape)
        assert store.get_run(run).environment == {"torch": "2", "odd": "Infinity"}
        assert store.columns(run) == {
            "accepted": "flag",
            "cg_stop": "text",
            "damping": "number",
            "loss": "number",
        }

    def test_progress_and_summary_follow_the_steps(self, store: Store, run: str) -> None:
        store.append(run, steps(1, 4))
        store.append(run, batch(step(5, loss=math.nan)))
        shown = store.get_run(run)
        assert (shown.progress.step, shown.progress.seconds) == (5, 2.5)
        assert shown.progress.eta_seconds == 95  # one step a second by the clock on the wall
        loss = shown.summary["loss"]
        assert (loss.first, loss.min, loss.max, loss.best_step) == (1.0, 0.25, 1.0, 4)
        assert loss.last is not None
        assert math.isnan(loss.last)
        assert store.finish(run, finish()).progress.eta_seconds is None

    def test_sending_a_batch_again_changes_nothing(self, store: Store, run: str) -> None:
        sent = batch(step(1), step(2), cg=[trace(2)], spectra=[spectrum(2)], logs=[line(0)])
        store.append(run, sent)
        before, events = self._all(store, run), store.last_event_id()
        assert store.append(run, sent).last_step == 2
        assert self._all(store, run) == before
        assert store.last_event_id() == events

    def test_a_newer_attempt_drops_what_older_ones_recorded_from_its_first_step_on(
        self, store: Store, run: str, worker: str
    ) -> None:
        store.append(
            run,
            batch(
                *(step(n, old=n) for n in range(1, 11)),
                cg=[trace(3), trace(7)],
                spectra=[spectrum(1), spectrum(6)],
                logs=[line(0)],
            ),
        )
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        assert store.get_run(run).progress.step == 10
        assert store.append(run, batch(step(6, loss=9.0), attempt=2, logs=[line(0)])).last_step == 6
        assert store.series(run, ["loss", "old"]).steps == [1, 2, 3, 4, 5, 6]
        shown = store.get_run(run)
        assert shown.progress.step == 6
        assert (shown.summary["loss"].max, shown.summary["loss"].last, shown.summary["old"].max) == (
            9.0,
            9.0,
            5.0,
        )
        assert store.trace(run, 3).step == 3
        with pytest.raises(RecordNotFound):
            store.trace(run, 7)
        assert store.spectrum_steps(run) == [1]
        assert [(entry.attempt, entry.line.number) for entry in store.logs(run)] == [(1, 0), (2, 0)]

    def test_a_newer_attempt_may_begin_beyond_the_old_record(
        self, store: Store, run: str, worker: str
    ) -> None:
        store.append(run, steps(1, 3))
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        store.append(run, steps(5, 6, attempt=2))
        store.append(run, steps(3, 3, attempt=2, late=True))
        assert store.series(run, []).steps == [1, 2, 3, 5, 6]
        assert store.series(run, ["late"]).values["late"] == [None, None, True, None, None]

    @settings(
        max_examples=30,
        # Every example has a run of its own, so that the store may be shared; back ends inherit the test.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        attempts=st.lists(st.tuples(ROWS, st.randoms(use_true_random=False)), min_size=1, max_size=3),
        pieces=st.integers(1, 4),
    )
    def test_order_pieces_and_repetition_do_not_matter(
        self, store: Store, attempts: Any, pieces: int
    ) -> None:
        """Against a plain recomputation: one line through all attempts, and its summary in one pass."""
        worker = store.add_worker(announcement())
        run, _ = store.add_job(spec(max_attempts=9, priority=1000))
        expected: dict[int, dict[str, Any]] = {}
        for number, (rows, random) in enumerate(attempts, start=1):
            claimed = store.claim_job(worker)
            assert claimed is not None
            assert (claimed.run, claimed.attempt) == (run.id, number)
            records = [
                StepRecord(step=n, wall_time=NOON, seconds=n, metrics=values) for n, values in rows.items()
            ]
            if rows:
                expected = {n: values for n, values in expected.items() if n < min(rows)} | rows
            sent = [records[start::pieces] for start in range(pieces)] * 2
            random.shuffle(sent)
            for part in sent:
                store.append(run.id, batch(*part, attempt=number))
            store.finish(run.id, finish("interrupted", attempt=number))
        kept = {record.step: record.metrics for record in store.rows(run.id)}
        assert repr(kept) == repr(dict(sorted(expected.items())))
        plain = summarize(sorted(expected.items()))
        shown = store.get_run(run.id)
        assert set(shown.summary) == {name for name, summary in plain.items() if summary.kind == "number"}
        for name, found in shown.summary.items():
            for field in ("first", "last", "min", "max", "best_step"):
                assert same(getattr(found, field), getattr(plain[name], field)), (name, field)
        assert shown.progress.step == max(expected, default=0)
        assert set(store.columns(run.id)) == set(plain)
        store.remove_run(run.id)

    @pytest.mark.parametrize(
        ("sent", "path"),
        [
            (batch(StepRecord(step=1, seconds=math.nan)), "steps.0.seconds"),
            (batch(landscape=Landscape(x=[0, 1], y=[0], z=[[1]])), "landscape.z"),
        ],
    )
    def test_what_makes_no_sense_is_refused_whole(self, store: Store, run: str, sent: Any, path: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            store.append(run, sent.model_copy(update={"logs": [line(0)]}))
        assert [fault.path for fault in caught.value.faults] == [path]
        assert store.logs(run) == []

    def test_logs_come_in_pages(self, store: Store, run: str) -> None:
        store.append(run, batch(logs=[line(number) for number in range(7)]))
        first = store.logs(run, limit=4)
        rest = store.logs(run, after=first[-1].position, limit=4)
        assert [entry.line.number for entry in first + rest] == list(range(7))

    def test_what_was_not_recorded_is_not_found(self, store: Store, run: str) -> None:
        with pytest.raises(RecordNotFound, match="step 3"):
            store.trace(run, 3)
        with pytest.raises(RecordNotFound, match="step 4"):
            store.spectrum(run, 4)
        assert store.spectrum_steps(run) == []
        assert store.landscape(run) is None
        for read in (
            store.landscape,
            store.spectrum_steps,
            store.logs,
            store.rows,
            store.columns,
            lambda r: store.series(r, []),
        ):
            with pytest.raises(RunNotFound):
                read("nothing")

    def test_a_removed_run_takes_everything_with_it(self, store: Store, run: str) -> None:
        store.append(
            run,
            batch(
                step(1),
                cg=[trace(1)],
                spectra=[spectrum(1)],
                logs=[line(0)],
                landscape=Landscape(x=[0], y=[0], z=[[1]]),
            ),
        )
        store.finish(run, finish())
        store.remove_run(run)
        for read in (store.get_run, store.logs, store.rows):
            with pytest.raises(RunNotFound):
                read(run)

    @staticmethod
    def _all(store: Store, run: str) -> Any:
        inner = store.trace(run, 2), store.spectrum(run, 2)
        return store.get_run(run), list(store.rows(run)), inner, store.logs(run)


def same_step(one: StepRecord, other: StepRecord) -> bool:
    return repr(one) == repr(other)
