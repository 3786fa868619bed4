"""Which queued job a worker is to get: what it can train, on what, and where it has room."""

import pytest

from hessianfree_lab.errors import WorkerNotFound
from hessianfree_lab.records import Capacity, Device, Offer
from hessianfree_lab.store import Store
from server.makers import announcement, images, optimizer, problem, spec

GPUS = [Device(name=name) for name in ("cpu", "cuda:0", "cuda:1")]


class FittingContract:
    @pytest.mark.parametrize(
        ("wanted", "devices", "fits"),
        [
            ({}, ["cpu"], True),
            ({"device": "cpu"}, ["cpu"], True),
            ({"device": "cuda"}, ["cpu"], False),
            ({"device": "cuda"}, ["cpu", "cuda:0"], True),
            ({"device": "cuda:1"}, ["cpu", "cuda:0"], False),
            ({"device": "cuda:1"}, ["cpu", "cuda:0", "cuda:1"], True),
            ({"resources": {"gpus": 2}}, ["cpu", "cuda:0"], False),
            ({"resources": {"gpus": 2}}, ["cpu", "cuda:0", "cuda:1"], True),
            ({"problem": "hill"}, ["cpu"], False),
            ({"optimizer": "lbfgs"}, ["cpu"], False),
        ],
    )
    def test_a_worker_gets_only_what_it_can_train(
        self, store: Store, wanted: dict[str, object], devices: list[str], fits: bool
    ) -> None:
        worker = store.add_worker(announcement(devices=[Device(name=name) for name in devices]))
        store.add_job(spec(**wanted))
        assert (store.claim_job(worker) is not None) == fits

    @pytest.mark.parametrize(
        ("wanted", "offer", "fits"),
        [
            ({}, Offer(room=["cuda:1"], whole=0, most=2), True),
            ({}, Offer(room=[], whole=0, most=2), False),  # "auto" waits for a GPU where there are some
            ({"device": "cpu"}, Offer(room=[], whole=0, most=2), True),
            ({"device": "cuda"}, Offer(room=[], whole=0, most=2), False),
            ({"device": "cuda:0"}, Offer(room=["cuda:1"], whole=1, most=2), False),
            ({"device": "cuda:1"}, Offer(room=["cuda:1"], whole=1, most=2), True),
            ({"resources": {"gpus": 1}}, Offer(room=["cuda:1"], whole=0, most=2), True),
            ({"resources": {"gpus": 2}}, Offer(room=["cuda:0", "cuda:1"], whole=1, most=2), False),
            ({"resources": {"gpus": 2}}, Offer(room=["cuda:0", "cuda:1"], whole=2, most=2), True),
            ({}, Offer(room=["cuda:7"], whole=1, most=1), False),  # it has announced none of that name
        ],
    )
    def test_a_worker_gets_only_what_it_has_room_for(
        self, store: Store, wanted: dict[str, object], offer: Offer, fits: bool
    ) -> None:
        worker = store.add_worker(announcement(devices=GPUS))
        store.add_job(spec(**wanted))
        assert (store.claim_job(worker, offer) is not None) == fits

    def test_a_job_for_several_gpus_holds_back_those_behind_it_until_they_are_free(
        self, store: Store
    ) -> None:
        worker = store.add_worker(announcement(devices=GPUS))
        before, _ = store.add_job(spec(priority=2))
        several, _ = store.add_job(spec(priority=1, resources={"gpus": 2}))
        behind, _ = store.add_job(spec(priority=1))
        on_cpu, _ = store.add_job(spec(device="cpu"))
        too_many, _ = store.add_job(spec(priority=3, resources={"gpus": 2}, problem="hill"))

        def claimed(*, whole: int, most: int = 2) -> str | None:
            offer = Offer(room=["cuda:0", "cuda:1"][:whole], whole=whole, most=most)
            assignment = store.claim_job(worker, offer)
            return None if assignment is None else assignment.run

        assert claimed(whole=1) == before.id
        assert claimed(whole=1) == on_cpu.id
        assert claimed(whole=1) is None
        assert claimed(whole=2) == several.id
        assert claimed(whole=1) == behind.id
        assert store.get_run(too_many.id).state == "queued"

    def test_a_job_for_more_gpus_than_are_left_holds_nobody_back(self, store: Store) -> None:
        worker = store.add_worker(announcement(devices=[*GPUS, Device(name="cuda:2")]))
        store.add_job(spec(priority=1, resources={"gpus": 3}))
        single, _ = store.add_job(spec())
        # Of three one has failed for good, one has a job.
        assignment = store.claim_job(worker, Offer(room=["cuda:1"], whole=1, most=2))
        assert assignment is not None
        assert assignment.run == single.id

    def test_a_worker_gets_what_it_has_come_to_fit(self, store: Store, worker: str) -> None:
        held, _ = store.add_job(spec())
        store.claim_job(worker)
        waiting, _ = store.add_job(spec(device="cuda"))
        assert store.claim_job(worker) is None
        before = store.last_event_id()
        store.set_capacity(worker, Capacity(slots=9, devices=GPUS))
        assert [event.kind for event in store.events(before)] == ["workers"]
        assignment = store.claim_job(worker)
        assert assignment is not None
        assert assignment.run == waiting.id
        (shown,) = store.workers()
        assert (shown.slots, len(shown.devices)) == (9, 3)
        assert set(shown.runs) == {held.id, waiting.id}
        with pytest.raises(WorkerNotFound):
            store.set_capacity("nobody", Capacity(slots=1, devices=[]))

    def test_a_job_that_does_not_fit_blocks_no_other(self, store: Store, worker: str) -> None:
        store.add_job(spec(device="cuda", priority=9))
        fitting, _ = store.add_job(spec())
        assignment = store.claim_job(worker)
        assert assignment is not None
        assert assignment.run == fitting.id

    def test_a_job_whose_data_a_worker_lacks_waits_for_another(self, store: Store) -> None:
        known = {"optimizers": [optimizer("hessianfree")]}
        first = store.add_worker(announcement(problems=[images("cats"), problem("bowl")], **known))
        other = store.add_worker(announcement(problems=[images("dogs", "birds")], **known))
        plain, dogs, cats, old = (
            store.add_job(spec(problem=name, problem_params=params))[0].id
            for name, params in (
                ("bowl", {"dataset": "dogs"}),  # nothing that this problem chooses
                ("images", {"dataset": "dogs"}),
                ("images", {"dataset": "cats"}),
                ("images", {}),
            )
        )
        of_first = [assignment.run for _ in range(3) if (assignment := store.claim_job(first))]
        assert of_first == [plain, cats, old]
        assert store.claim_job(first) is None
        assignment = store.claim_job(other)
        assert assignment is not None
        assert assignment.run == dogs
        assert {worker.id: worker.supplies for worker in store.workers()} == {
            first: {"images": {"dataset": ["cats"]}},
            other: {"images": {"dataset": ["dogs", "birds"]}},
        }
        (known_images,) = (info for info in store.problems() if info.name == "images")
        assert set(known_images.supplies["dataset"].there) == {"birds", "cats", "dogs"}
        assert known_images.supplies["dataset"].missing == {}
