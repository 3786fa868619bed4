"""What a filter means, the same on each database."""

import random
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.lifecycle import State
from hessianfree_lab.records import Run, RunChanges, ScriptRun
from hessianfree_lab.store import RunQuery, SqlStore
from hessianfree_lab.store.filters import Comparison, Node, Value
from server.databases import database
from server.makers import announcement, batch, finish, spec, step
from server.postgres import Postgres
from server.store.clock import Clock
from server.store.filter_trees import grown
from server.store.plain_filter import passes

# Each name with operators and values that make sense of it: some that are there, some that are not.
NUMBERS = (["=", "!=", "<", "<=", ">", ">="], ["0", "1", "2.5", "-1", "1e-3", "inf", "-inf", "3", "0.5"])
ANY_NUMBER = (["=", "!="], ["nan", "NaN"])
TEXTS = (
    ["=", "!=", ":"],
    ["", "a", "A", "beta", "%", "_", "\\", '"', "Alpha", "null", "true", "1", '[1,"a"]'],
)
NULL = (["=", "!="], ["null", "missing"])
SENSE: list[tuple[str, list[str], list[str], bool]] = [
    *((name, *TEXTS, True) for name in ("name", "problem", "optimizer", "cause", "tag", "notes", "error", "kind")),
    *((name, *NUMBERS, False) for name in ("step", "steps", "seconds", "progress", "attempt", "priority")),
    *((f"loss.{which}", *NUMBERS, False) for which in ("first", "last", "min", "max", "best", "best_step")),
    *((name, *ANY_NUMBER, False) for name in ("loss.last", "loss.first", "loss.min", "step", "odd/name.last")),
    *((name, *NUMBERS, False) for name in ("odd/name.last", "absent.min")),
    *((name, *NULL, False) for name in ("cause", "tag", "steps", "loss.last", "loss.min", "absent.min", "ended")),
    ("state", ["=", "!="], ["running", "completed", "failed", "cancelled", "queued", "paused"], False),
    ("state", ["=", "!="], ["stale", "stopping", "pausing", "diverged", "out_of_memory", "lost", "error"], False),
    *((name, ["=", "!="], ["true", "false"], False) for name in ("archived", "pinned")),
    *((name, ["<", "<=", ">", ">="], ["30s", "2min", "1h", "1d", "1w", "2026-03-01"], False)
      for name in ("created", "started", "ended")),
]  # fmt: skip
for key in ("config.x", "config.nested.y", "spec.config.x", "config.absent", "config"):
    SENSE += [(key, *NUMBERS, False), (key, *TEXTS, True), (key, *NULL, False)]
    SENSE += [(key, ["=", "!="], ["true", "false", "nan", "abc"], False)]


@st.composite
def sensible(draw: st.DrawFn) -> Node:
    name, operators, values, quoted = draw(st.sampled_from(SENSE))
    text = draw(st.sampled_from(values))
    return Comparison(
        name=name, operator=draw(st.sampled_from(operators)), value=Value(text=text, quoted=quoted)
    )


def fill(store: SqlStore, clock: Clock, number: int = 60) -> None:
    """Runs of every kind; the same ones every time."""
    chance = random.Random(6)
    worker = store.add_worker(announcement())
    texts = ["a", "A", "beta", "%", "alpha_b", 'quo"te', "back\\slash", "true", "1", "null", "Ünï", ""]
    values = [
        0,
        1,
        2.5,
        -1,
        1e-3,
        True,
        False,
        None,
        "a",
        "A",
        "1",
        "true",
        "NaN",
        [1, "a"],
        {"z": 1},
        10**400,
    ]
    metrics = [None, 0.0, 1.0, 2.5, -1.0, float("nan"), float("inf"), float("-inf"), 1e-3]
    for index in range(number):
        clock.advance(chance.choice([0.5, 40.0, 4000.0]))
        if index % 6 == 5:
            job, _ = store.add_job(
                spec(name=chance.choice(texts) or None, optimizer=chance.choice(["adam", "sgd"]))
            )
            if chance.random() < 0.5:
                store.request_cancel(job.id)
            continue
        config = {"x": chance.choice(values), "nested": {"y": chance.choice(values)}}
        run = store.add_script_run(
            ScriptRun(
                name=chance.choice(texts) or "empty",
                problem=chance.choice(["a", "beta"]),
                config=config if chance.random() < 0.8 else {},
                steps=chance.choice([None, 2, 5]),
                tags=chance.sample([text for text in texts if text], chance.choice([0, 0, 1, 3])),
                notes=chance.choice(texts),
            )
        )
        for at in range(1, chance.choice([1, 2, 4])):
            given = {"loss": chance.choice(metrics), "odd/name": chance.choice(metrics)}
            store.append(
                run.id, batch(step(at, **{key: value for key, value in given.items() if value is not None}))
            )
        end = chance.choice(["completed", "failed", "cancelled", None, "stop", "pause"])
        if end in ("completed", "failed", "cancelled"):
            cause = (
                chance.choice(["diverged", "killed", "out_of_memory", "error"]) if end == "failed" else None
            )
            store.finish(run.id, finish(end, cause=cause, error=chance.choice([None, "a boom"])))
        elif end == "stop":
            store.request_cancel(run.id)
        store.change_run(run.id, RunChanges(archived=chance.random() < 0.2, pinned=chance.random() < 0.2))
    store.heartbeat(worker, [])


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[tuple[SqlStore, Clock]]:
    """A store on each database, with the same runs."""
    address = f"sqlite:///{tmp_path_factory.mktemp('lab')}/lab.sqlite"
    url = address if request.param == "sqlite" else postgres.new_database()
    engine: Engine
    with database(url) as engine:
        clock = Clock()
        store = SqlStore(engine, lease_seconds=20.0, clock=clock)
        fill(store, clock)
        yield store, clock
        store.close()


@cache
def all_of(store: SqlStore) -> list[Run]:
    return store.list_runs(RunQuery(archived=None, limit=200)).items


def found(store: SqlStore, text: str) -> set[str]:
    page = store.list_runs(RunQuery(filter=text, archived=None, limit=200))
    assert page.total == len(page.items)
    return {run.id for run in page.items}


@settings(max_examples=200, deadline=None)
@given(tree=grown(sensible()))
def test_a_filter_means_the_same_in_sql_and_in_python(tree: Node, filled: tuple[SqlStore, Clock]) -> None:
    store, clock = filled
    assert found(store, str(tree)) == {run.id for run in all_of(store) if passes(tree, run, clock())}


@pytest.mark.parametrize(
    "comparison", ["config.x = 1", "loss.last < 1", "cause = diverged", "tag : a", "ended > 1d"]
)
def test_a_filter_and_its_opposite_share_out_all_runs(
    comparison: str, filled: tuple[SqlStore, Clock]
) -> None:
    store, _ = filled
    yes, no = found(store, comparison), found(store, f"not {comparison}")
    assert yes
    assert no
    assert not yes & no
    assert len(yes | no) == store.list_runs(RunQuery(archived=None)).total


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("loss.min < abc", 11, "loss.min is a number; 'abc' is none."),
        ("name < abc", 0, "name is text; it can be compared by = != :."),
        ("state = faild", 8, "'faild' is no state; there are queued, running,"),
        ("created > soon", 10, "'soon' is no time; write 30min, 2h, 2d, 1w"),
        ("archived = maybe", 11, "archived is true or false; 'maybe' is neither."),
        ("loss.last > nan", 0, "nan is neither below nor above"),
        ("steps > null", 8, "null can only be compared by = and !=."),
        ("a b = 1", 2, "one of = != < <= > >= : was expected after 'a'"),
        ("'a b' = 1", 0, "'a b' is no name: a key of the specification is written as"),
        ("config.lr < big", 12, "a number was expected after '<', not 'big'."),
        ("state : run", 0, "state is a state; it can be compared by = !=."),
    ],
)
def test_what_makes_no_sense_is_said(
    text: str, position: int, words: str, filled: tuple[SqlStore, Clock]
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        filled[0].list_runs(RunQuery(filter=text))
    (fault,) = raised.value.faults
    assert (fault.path, fault.position) == ("filter", position)
    assert words in fault.message


SORTS = ["created", "name", "state", "cause", "steps", "progress", "started", "ended", "pinned", "loss.last"]


@pytest.mark.parametrize(
    "sort", [*SORTS, "loss.best", "loss.best_step", "config.x", "config.nested.y", "absent.min"]
)
@pytest.mark.parametrize("sign", ["", "-"])
def test_pages_of_every_order_hold_every_run_once(
    sort: str, sign: str, filled: tuple[SqlStore, Clock]
) -> None:
    store, _ = filled
    whole = store.list_runs(RunQuery(sort=sign + sort, archived=None, limit=200))
    listed: list[str] = []
    cursor = None
    while True:
        page = store.list_runs(RunQuery(sort=sign + sort, archived=None, limit=7, cursor=cursor))
        assert page.total == whole.total
        listed += [run.id for run in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert listed == [run.id for run in whole.items]
    assert len(set(listed)) == whole.total


def test_settings_of_mixed_types_sort_numbers_then_texts(filled: tuple[SqlStore, Clock]) -> None:
    store, _ = filled
    for sort, backwards in (("config.x", False), ("-config.x", True)):
        page = store.list_runs(RunQuery(sort=sort, archived=None, limit=200))
        values = [run.spec.get("config", {}).get("x") for run in page.items]
        numbers = [
            v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e300
        ]
        assert numbers == sorted(numbers, reverse=backwards)
        assert values[: len(numbers)] == numbers
        texts = [isinstance(value, str | list | dict) for value in values[len(numbers) :]]
        assert texts == sorted(texts, reverse=True)


def test_words_are_looked_for_wherever_a_run_has_some(filled: tuple[SqlStore, Clock]) -> None:
    store, _ = filled
    page = store.list_runs(RunQuery(archived=None, limit=200, q="BETA alpha"))
    assert {run.id for run in page.items} == {
        run.id
        for run in all_of(store)
        if all(
            any(
                word in text.lower()
                for text in (run.name, run.spec["problem"], run.spec["optimizer"], *run.tags)
            )
            for word in ("beta", "alpha")
        )
    }
    assert page.total > 0


def test_a_day_ago_is_a_moment(filled: tuple[SqlStore, Clock]) -> None:
    store, clock = filled
    young = {run.id for run in all_of(store) if clock() - run.created_at < timedelta(hours=6)}
    assert found(store, "created > 6h") == young
    assert 0 < len(young) < len(all_of(store))


@pytest.mark.parametrize(
    "word", [*State, "stale", "stopping", "diverged", "killed", "out_of_memory", "error"]
)
def test_a_state_is_the_one_that_is_shown(word: str, filled: tuple[SqlStore, Clock]) -> None:
    store, clock = filled
    tree = Comparison(name="state", operator="=", value=Value(text=word))
    expected = {run.id for run in all_of(store) if passes(tree, run, clock())}
    assert found(store, str(tree)) == expected
    assert expected or word == State.PAUSED
