"""Summaries that are kept between readings are never older than the last commit before the reading."""

from hessianfree_lab.records import Extremes, IngestBatch, ScriptRun, StepRecord
from hessianfree_lab.store import Store, open_store
from hessianfree_lab.store.kept_summaries import _MOST, KeptSummaries

OLD, NEW = {"loss": Extremes(last=2.0)}, {"loss": Extremes(last=1.0)}


def test_what_was_read_is_found_until_its_run_changes() -> None:
    kept = KeptSummaries()
    kept.keep({"a": OLD, "b": OLD}, version=kept.version())
    kept.forget(["a"])
    assert kept.find(["a", "b", "c"]) == {"b": OLD}


def test_a_reading_that_began_before_a_change_is_not_kept_and_one_after_it_is() -> None:
    kept = KeptSummaries()
    before = kept.version()
    kept.forget(["a"])
    kept.keep({"a": OLD, "b": OLD}, version=before)
    assert kept.find(["a", "b"]) == {"b": OLD}
    kept.keep({"a": NEW}, version=kept.version())
    assert kept.find(["a"]) == {"a": NEW}


def test_changes_that_are_no_longer_remembered_keep_nothing_that_was_read_before_them() -> None:
    kept = KeptSummaries()
    before = kept.version()
    kept.forget(["a"])
    for number in range(_MOST + 1):
        kept.forget([f"run-{number}"])
    kept.keep({"a": OLD}, version=before)
    assert kept.find(["a"]) == {}


def test_every_reading_shows_the_last_commit() -> None:
    store: Store = open_store("sqlite://", lease_seconds=20)
    run = store.add_script_run(ScriptRun(name="a")).id
    for step in (1, 2, 3):
        store.append(
            run, IngestBatch(steps=[StepRecord(step=step, seconds=1.0, metrics={"loss": float(step)})])
        )
        for _ in range(2):
            assert store.get_run(run).summary["loss"].last == step
    store.close()
