"""What every store must do with jobs that wait: order, moves, estimates."""

import random

import pytest

from hessianfree_lab.errors import InvalidRequest, RunNotFound, WrongState
from hessianfree_lab.records import Device
from hessianfree_lab.records.estimates import Move
from hessianfree_lab.store import Store
from server.makers import announcement, finish, images, optimizer, problem, spec, steps


def order(store: Store) -> list[str]:
    """The names of the queued jobs in the order of claims."""
    return [place.run.name for place in store.waiting.page(limit=200).items]


def fill(store: Store, **priorities: int) -> dict[str, str]:
    """Queue jobs of these names and priorities; their ids by name."""
    return {name: store.add_job(spec(name=name, priority=p))[0].id for name, p in priorities.items()}


class WaitingContract:
    def test_the_queue_is_shown_in_the_order_of_claims(self, store: Store, worker: str) -> None:
        fill(store, low=-1, first=0, second=0, high=5)
        page = store.waiting.page(start=2, limit=2)
        assert [(place.position, place.run.name) for place in page.items] == [(2, "first"), (3, "second")]
        assert page.waiting == 4
        assert store.waiting.page(start=5).items == []
        claimed = [assignment.name for _ in range(4) if (assignment := store.claim_job(worker))]
        assert claimed == ["high", "first", "second", "low"]
        assert store.waiting.page().waiting == 0

    @pytest.mark.parametrize(
        ("moved", "to", "expected"),
        [
            ("c", {"before": "a"}, "cabd"),
            ("a", {"after": "c"}, "bcad"),
            ("a", {"before": "d"}, "bcad"),
            ("d", {"before": "b"}, "adbc"),
            ("b", {"after": "d"}, "acdb"),
            ("d", {"to": "first"}, "dabc"),
            ("a", {"to": "last"}, "bcda"),
            ("b", {"before": "c"}, "abcd"),  # where it is already
        ],
    )
    @pytest.mark.parametrize(
        "priorities", [(0, 0, 0, 0), (3, 2, 1, 0), (1000, 1000, -1000, -1000), (2, 2, 1, 1)]
    )
    def test_a_job_is_moved_to_where_it_is_wanted(
        self, store: Store, priorities: tuple[int, ...], moved: str, to: dict[str, str], expected: str
    ) -> None:
        ids = fill(store, **dict(zip("abcd", priorities, strict=True)))
        run = store.waiting.move(
            ids[moved], Move(**{key: ids.get(value, value) for key, value in to.items()})
        )  # type: ignore[arg-type]
        assert "".join(order(store)) == expected
        assert run == store.get_run(ids[moved])

    def test_moves_change_no_more_priorities_than_they_need(self, store: Store) -> None:
        ids = fill(store, a=0, b=0, c=0, d=0)
        store.waiting.move(ids["d"], Move(to="first"))
        assert [place.run.priority for place in store.waiting.page().items] == [1, 0, 0, 0]
        store.waiting.move(ids["d"], Move(after=ids["a"]))  # a has to pass it
        assert "".join(order(store)) == "adbc"
        changed = [place.run.priority for place in store.waiting.page().items]
        assert changed == [1, 1, 0, 0]

    def test_many_moves_in_turn_keep_every_order(self, store: Store) -> None:
        names = [f"n{number}" for number in range(8)]
        ids = fill(store, **dict.fromkeys(names, 0))
        rng = random.Random(3)
        for _ in range(40):
            moved, anchor = rng.sample(names, 2)
            names.remove(moved)
            if rng.random() < 0.5:
                names.insert(names.index(anchor), moved)
                store.waiting.move(ids[moved], Move(before=ids[anchor]))
            else:
                names.insert(names.index(anchor) + 1, moved)
                store.waiting.move(ids[moved], Move(after=ids[anchor]))
            assert order(store) == names

    def test_only_queued_jobs_are_moved_and_moved_to(self, store: Store, worker: str) -> None:
        ids = fill(store, a=0, b=0)
        store.claim_job(worker)
        for moved, anchor in (("a", "b"), ("b", "a")):
            with pytest.raises(WrongState, match=r"\(a\) is running") as caught:
                store.waiting.move(ids[moved], Move(before=ids[anchor]))
            assert caught.value.state == "running"
        with pytest.raises(RunNotFound):
            store.waiting.move(ids["b"], Move(after="nothing"))
        with pytest.raises(InvalidRequest, match="another one"):
            store.waiting.move(ids["b"], Move(after=ids["b"]))
        assert store.get_run(ids["b"]).priority == 0

    def test_a_free_worker_starts_a_job_at_once(self, store: Store, worker: str) -> None:
        guess = store.waiting.estimate(spec())
        assert (guess.ahead, guess.workers, guess.starts_in_seconds, guess.is_least) == (0, 1, 0, False)
        assert "at once" in guess.sentence

    def test_a_job_waits_for_what_runs_and_for_what_is_before_it(self, store: Store, worker: str) -> None:
        fill(store, running=0, waits=0)
        store.claim_job(worker)
        run = store.queue().items[-1].id
        store.append(run, steps(1, 41))  # one a second, of a hundred
        (place,) = store.waiting.page().items
        assert place.estimate.starts_in_seconds == pytest.approx(59, rel=0.05)
        behind = store.waiting.estimate(spec())
        assert behind.ahead == 1
        assert behind.starts_in_seconds == pytest.approx(159, rel=0.05)
        assert "One job waits before it. It starts in about 3 min." in behind.sentence
        urgent = store.waiting.estimate(spec(priority=1))
        assert (urgent.ahead, urgent.starts_in_seconds) == (0, place.estimate.starts_in_seconds)
        assert store.waiting.place(place.run.id) == place

    def test_what_nobody_knows_makes_it_at_the_earliest(self, store: Store, worker: str) -> None:
        fill(store, running=0)
        store.claim_job(worker)
        unknown = store.waiting.estimate(spec())
        assert (unknown.starts_in_seconds, unknown.is_least) == (None, False)
        assert "cannot be told" in unknown.sentence
        store.append(store.queue().items[0].id, steps(1, 41))
        store.add_job(spec(optimizer="adam"))  # of which no run has shown a pace
        least = store.waiting.estimate(spec())
        assert least.is_least
        assert least.starts_in_seconds == pytest.approx(59, rel=0.05)
        assert "in about 59 s at the earliest" in least.sentence

    def test_slots_are_taken_in_turn(self, store: Store) -> None:
        first = store.add_worker(announcement(slots=2))
        fill(store, long=0, short=0)
        store.claim_job(first)
        store.claim_job(first)
        long, short = store.queue().items
        store.append(long.id, steps(1, 11))
        store.append(short.id, steps(1, 91))
        fill(store, one=0, two=0, three=0)
        waits = [place.estimate.starts_in_seconds for place in store.waiting.page().items]
        assert waits == pytest.approx([9, 89, 109], rel=0.2)

    @pytest.mark.parametrize("slots", [4, 8])  # one job on each GPU, or two
    def test_a_job_on_several_gpus_takes_the_slots_of_all_of_them(self, store: Store, slots: int) -> None:
        devices = [Device(name="cpu"), *(Device(name=f"cuda:{index}") for index in range(4))]
        worker = store.add_worker(announcement(slots=slots, devices=devices))
        run, _ = store.add_job(spec(device="cuda", resources={"gpus": 3}))
        store.claim_job(worker)
        store.append(run.id, steps(1, 41))  # one a second, of a hundred
        assert store.waiting.estimate(spec(device="cuda")).starts_in_seconds == 0
        wide = spec(device="cuda", resources={"gpus": 2})
        assert store.waiting.estimate(wide).starts_in_seconds == pytest.approx(59, rel=0.05)
        store.add_job(wide)
        store.add_job(wide)
        assert store.waiting.estimate(wide).starts_in_seconds == pytest.approx(159, rel=0.05)

    def test_nobody_passes_who_waits_for_the_same_workers(self, store: Store) -> None:
        worker = store.add_worker(announcement(slots=2))
        fill(store, known=0)
        store.add_job(spec(optimizer="adam"))  # of which no run has shown a pace
        store.claim_job(worker)
        store.claim_job(worker)
        store.append(store.queue().items[0].id, steps(1, 41))
        store.add_job(spec(optimizer="adam"))  # takes the slot that is known, for nobody knows how long
        store.add_job(spec(optimizer="adam"))
        first, second = (place.estimate for place in store.waiting.page().items)
        assert first.starts_in_seconds == pytest.approx(59, rel=0.05)
        assert second.starts_in_seconds == first.starts_in_seconds
        assert (first.is_least, second.is_least) == (False, True)

    @pytest.mark.parametrize(
        ("wanted", "why"),
        [
            ({"device": "cuda"}, "none announces cuda."),
            ({"device": "cuda:1"}, "none announces cuda:1."),
            ({"resources": {"gpus": 2}}, "none announces 2 GPUs."),
            ({"problem": "hill"}, "none knows the problem 'hill'."),
            ({"optimizer": "lbfgs"}, "none knows the optimizer 'lbfgs'."),
            ({"problem": "gorge", "device": "cuda:0"}, "together."),
            (
                {"problem": "images", "problem_params": {"dataset": "dogs"}},
                "none has the data of 'images' with dataset: dogs.",
            ),
        ],
    )
    def test_a_job_that_no_worker_can_run_says_why(
        self, store: Store, worker: str, wanted: dict[str, object], why: str
    ) -> None:
        store.add_worker(
            announcement(problems=[problem("gorge"), images("cats")], optimizers=[optimizer("hessianfree")])
        )
        if wanted.get("device") == "cuda:0":
            store.add_worker(announcement(devices=[Device(name="cpu"), Device(name="cuda:0")]))
        guess = store.waiting.estimate(spec(**wanted))
        assert (guess.workers, guess.starts_in_seconds) == (0, None)
        assert guess.sentence.endswith(why)

    def test_jobs_for_other_workers_are_not_before_it(self, store: Store, worker: str) -> None:
        store.add_worker(announcement(problems=[problem("hill")], name="other"))
        for _ in range(3):
            store.add_job(spec(problem="hill"))
        store.add_job(spec(device="cuda"))
        store.add_worker(announcement(problems=[problem("bowl"), images("cats")], name="third"))
        store.add_job(spec(problem="images", problem_params={"dataset": "dogs"}))
        guess = store.waiting.estimate(spec())
        assert (guess.ahead, guess.starts_in_seconds) == (0, 0)

    def test_without_workers_jobs_wait_for_one(self, store: Store, worker: str) -> None:
        run, _ = store.add_job(spec())
        store.remove_worker(worker)
        assert "No worker is here" in store.waiting.place(run.id).estimate.sentence

    def test_a_job_held_back_holds_its_slot(self, store: Store, worker: str) -> None:
        fill(store, running=0)
        store.claim_job(worker)
        run = store.queue().items[0].id
        store.append(run, steps(1, 41))
        store.request_pause(run)
        assert store.waiting.estimate(spec()).starts_in_seconds == pytest.approx(59, rel=0.05)  # not yet
        store.finish(run, finish("interrupted"))
        assert store.get_run(run).state == "paused"
        assert store.waiting.estimate(spec()).starts_in_seconds == 0
        with pytest.raises(WrongState, match="paused"):
            store.waiting.place(run)
