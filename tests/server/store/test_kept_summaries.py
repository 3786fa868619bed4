"""Summaries that are kept between readings are never older than the last commit before the reading."""

import numpy as np

from hessianfree_lab.figures.comparing.lines import Line
from hessianfree_lab.records import Extremes, IngestBatch, RunSummary, ScriptRun, StepRecord
from hessianfree_lab.store import Store, open_store
from hessianfree_lab.store.kept import REMEMBERED, Kept, size_of

OLD, NEW = {"loss": Extremes(last=2.0)}, {"loss": Extremes(last=1.0)}


def test_what_was_read_is_found_until_its_run_changes() -> None:
    kept = Kept[RunSummary](10)
    kept.keep({"a": OLD, "b": OLD}, version=kept.version())
    kept.forget(["a"])
    assert kept.find(["a", "b", "c"]) == {"b": OLD}


def test_a_reading_that_began_before_a_change_is_not_kept_and_one_after_it_is() -> None:
    kept = Kept[RunSummary](10)
    before = kept.version()
    kept.forget(["a"])
    kept.keep({"a": OLD, "b": OLD}, version=before)
    assert kept.find(["a", "b"]) == {"b": OLD}
    kept.keep({"a": NEW}, version=kept.version())
    assert kept.find(["a"]) == {"a": NEW}


def test_changes_that_are_no_longer_remembered_keep_nothing_that_was_read_before_them() -> None:
    kept = Kept[RunSummary](10)
    before = kept.version()
    kept.forget(["a"])
    for number in range(REMEMBERED + 1):
        kept.forget([f"run-{number}"])
    kept.keep({"a": OLD}, version=before)
    assert kept.find(["a"]) == {}


def test_answers_to_several_questions_are_told_apart_and_forgotten_together() -> None:
    kept = Kept[str](10)
    for question in ("one", "two"):
        kept.keep({"a": f"answer {question}"}, version=kept.version(), question=question)
    assert kept.find(["a"], "two") == {"a": "answer two"}
    assert kept.find(["a"]) == {}
    kept.forget(["a"])
    assert kept.find(["a"], "one") == {}


def test_for_what_is_new_there_goes_what_nobody_has_asked_for_the_longest() -> None:
    kept = Kept[str](10, len)
    for run in ("a", "b"):
        kept.keep({run: "1234"}, version=kept.version())
    kept.find(["a"])
    kept.keep({"c": "12345"}, version=kept.version())
    assert set(kept.find(["a", "b", "c"])) == {"a", "c"}
    kept.forget(["c"])  # its weight is given back
    kept.keep({"d": "123"}, version=kept.version())
    kept.keep({"d": "123456"}, version=kept.version())  # in place of the other, not beside it
    assert kept.find(["a", "d"]) == {"a": "1234", "d": "123456"}


def test_what_is_too_heavy_is_not_kept_and_nothing_goes_for_it() -> None:
    kept = Kept[str](10, len)
    kept.keep({"a": "12345"}, version=kept.version())
    kept.keep({"b": "12345678901"}, version=kept.version())
    assert kept.find(["a", "b"]) == {"a": "12345"}


def test_an_answer_weighs_what_it_is_made_of() -> None:
    line = Line(x=np.zeros(1000), y=np.zeros(1000))
    assert 16_000 < size_of(line) < 17_000
    assert 2 * size_of(line) < size_of({"a": [line], "b": (line, "text" * 100)}) < 34_000
    assert size_of(None) < size_of("text" * 100)
    assert size_of("text" * 100) >= 400


def test_however_small_answers_are_and_however_many_questions_there_is_an_end_to_it() -> None:
    store: Store = open_store("sqlite://", lease_seconds=20)
    run = store.add_script_run(ScriptRun(name="a")).id
    made: list[int] = []
    for number in [*range(70_000), 69_999, 0]:
        store.answers([run], number, lambda _: made.append(0))
    assert len(made) == 70_001  # the last is known, the first is not
    store.close()


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
