"""Which GPUs a worker has, and what is told of them."""

import pytest

from hessianfree_lab.records import Assignment, Device, DeviceLoad, JobSpec
from hessianfree_lab.worker.executors.local import LocalExecutor
from hessianfree_lab.worker.gpus import faults, loads, remarks, taken_by_others, usable
from hessianfree_lab.worker.nvml import Gpu, Look, Nvml
from hessianfree_lab.worker.placement import Placement, Sharing
from hessianfree_lab.worker.watching import GpuWatch
from server.worker.drivers import GIB, Card, Driver, divided

CPU = Device(name="cpu")
NOT_THERE = Look(trouble="NVML Shared Library Not Found")
TWO = Look(gpus=(Gpu(uuid="GPU-aa11"), Gpu(uuid="GPU-bb22")))
MIG = Nvml(Driver([divided("GPU-m", "MIG-11", "MIG-12"), Card("GPU-aa11")])).look()


def seen(*uuids, title="A card"):
    """As torch sees them: it knows no word in front but "GPU-"."""
    return [CPU] + [
        Device(name=f"cuda:{n}", title=title, memory_bytes=1, uuid=f"GPU-{uuid}")
        for n, uuid in enumerate(uuids)
    ]


def uuids(devices):
    return [device.uuid for device in devices if device.is_gpu]


@pytest.mark.parametrize(
    ("torch_sees", "look", "visible", "expected"),
    [
        ((), TWO, None, []),  # torch is built without CUDA
        ((), TWO, "", []),
        ((), TWO, "-1", []),
        (("aa11", "bb22"), TWO, None, ["GPU-aa11", "GPU-bb22"]),
        (("bb22", "aa11"), TWO, None, ["GPU-bb22", "GPU-aa11"]),  # the fastest first, as CUDA counts
        (("bb22",), TWO, "1", ["GPU-bb22"]),
        (("bb22",), TWO, "GPU-bb", ["GPU-bb22"]),
        (("BB22",), TWO, None, ["GPU-bb22"]),  # by the name that the driver gives it
        (("aa11",), NOT_THERE, None, ["GPU-aa11"]),
        (("cc33",), TWO, None, ["GPU-cc33"]),  # NVML does not know it
        (
            ("11",),
            MIG,
            None,
            ["MIG-11", "MIG-12", "GPU-aa11"],
        ),  # torch sees one instance, however many there are
        (("12",), MIG, "MIG-12", ["MIG-12"]),
        (("12",), MIG, "MIG-12,GPU-aa", ["MIG-12", "GPU-aa11"]),
        (("12",), MIG, "MIG-12,MIG-12, MIG-11", ["MIG-12", "MIG-11"]),
        (("12",), MIG, "MIG-12,MIG-99,MIG-11", ["MIG-12"]),  # CUDA ends the list where one is not there
        (("12",), MIG, "MIG-12,MIG-1", ["MIG-12"]),  # which one is not sure
        (("11",), MIG, "0", ["MIG-11"]),
        (("aa11",), MIG, "1", ["GPU-aa11"]),
    ],
)
def test_the_gpus_of_a_worker(torch_sees, look, visible, expected):
    devices = usable(seen(*torch_sees), look, visible)
    assert devices[0] == CPU
    assert uuids(devices) == expected
    assert [device.name for device in devices[1:]] == [f"cuda:{n}" for n in range(len(expected))]


@pytest.mark.parametrize("look", [NOT_THERE, MIG])
def test_an_instance_whose_uuid_is_not_sure_has_none(look):
    """A driver or a torch that tells the uuid of the whole GPU: it would name another device."""
    (_, device) = usable(seen("m", title="NVIDIA A100-SXM4-40GB MIG 1g.5gb"), look, "0")
    assert (device.name, device.uuid) == ("cuda:0", None)


@pytest.mark.parametrize(
    ("torch_sees", "look", "visible", "words"),
    [
        (("aa11",), TWO, None, None),
        (("aa11",), NOT_THERE, None, "busy with cannot be told: NVML says: NVML Shared Library Not Found."),
        ((), NOT_THERE, None, None),
        ((), TWO, None, "has 2 GPUs, but torch cannot use any"),
        ((), TWO, "", None),  # as its user wants it
    ],
)
def test_what_is_not_as_one_expects_is_said(torch_sees, look, visible, words):
    found = remarks(seen(*torch_sees), look, visible)
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def announced(devices, *, slots=None, **sharing):
    """What a worker says to the server, and to whoever started it."""
    offer = {"problems": [], "optimizers": [], "versions": {}, "remarks": ["Torch has a remark."]}
    offer["devices"] = [device.model_dump() for device in devices]
    said = []
    executor = LocalExecutor(
        slots=slots,
        sharing=Sharing(**sharing),
        nvml=Nvml(Driver([Card("GPU-bb22"), Card("GPU-aa11")])),
        training=lambda: offer,
        say=lambda text, **about: said.append(text),
    )
    return executor.announcement("w"), executor.capacity(), said


def test_a_worker_has_slots_for_a_job_on_every_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    told, capacity, said = announced(seen("aa11", "bb22"), jobs_per_gpu=3)
    assert (told.slots, [device.name for device in told.devices]) == (6, ["cpu", "cuda:0", "cuda:1"])
    assert (capacity.slots, capacity.devices) == (told.slots, told.devices)
    assert said == [
        "Torch has a remark.",
        "Jobs train on cuda:0 (A card), cuda:1 (A card): 3 jobs a GPU at a time.",
    ]
    assert announced(seen("aa11", "bb22"), slots=1)[0].slots == 1
    assert announced(seen())[0].slots == 1


def test_a_gpu_that_is_gone_or_faulty_is_told_from_a_driver_that_says_nothing():
    devices = seen("aa11", "bb22")[1:]
    assert faults(devices, TWO) == {}
    assert faults(devices, NOT_THERE) == {}
    lost = Look(gpus=(Gpu(uuid="GPU-bb22", fault="GPU is lost"),))
    assert faults(devices, lost) == {
        "cuda:0": "The driver does not find it any more.",
        "cuda:1": "The driver says: GPU is lost.",
    }


def test_memory_in_use_without_a_job_of_ours_is_somebody_elses():
    look = Look(
        gpus=(
            Gpu(uuid="GPU-aa11", memory_used_bytes=3 * GIB),
            Gpu(uuid="GPU-bb22", memory_used_bytes=GIB // 2),
        )
    )
    devices = seen("aa11", "bb22")[1:]
    assert taken_by_others(devices, look, own=()) == {"cuda:0": "Other programs use 3.0 GiB of it."}
    assert taken_by_others(devices, look, own={"cuda:0"}) == {}


def test_loads_are_of_the_gpus_that_nvml_knows_and_of_those_with_a_note():
    look = Look(gpus=(Gpu(uuid="GPU-bb22", memory_used_bytes=1, utilisation=0.5, power_watts=99.0),))
    assert loads(seen("aa11", "bb22", "cc33"), look, {"cuda:0": "It is gone."}) == [
        DeviceLoad(device="cuda:0", note="It is gone."),
        DeviceLoad(device="cuda:1", memory_used_bytes=1, utilisation=0.5, power_watts=99.0),
    ]


def watched(*cards, skips_busy=False):
    said = []
    driver = Driver(list(cards))
    gpus = seen(*(card.uuid.partition("-")[2] for card in cards))[1:]
    placement = Placement(gpus, Sharing(skips_busy=skips_busy))
    return driver, placement, GpuWatch(gpus, Nvml(driver), placement, said.append), said


def test_a_lost_gpu_gets_no_job_and_that_is_said_once():
    driver, placement, watch, said = watched(Card("GPU-aa11"), Card("GPU-bb22"))
    assert [load.note for load in watch.look()] == ["", ""]
    driver.cards[0].gone = 15
    for _ in range(2):
        assert [load.note for load in watch.look()] == ["The driver says: GPU is lost.", ""]
    assert placement.offer().room == ["cuda:1"]
    driver.cards[0].gone = None
    watch.look()
    assert placement.offer().room == ["cuda:0", "cuda:1"]
    assert said == [
        "cuda:0 (A card): The driver says: GPU is lost. It gets no job.",
        "cuda:0 (A card): It can be used again.",
    ]


@pytest.mark.parametrize("skips_busy", [True, False])
def test_a_gpu_that_others_use_is_left_alone_where_that_is_wanted(skips_busy):
    driver, placement, watch, said = watched(Card("GPU-aa11"), skips_busy=skips_busy)
    job = Assignment(run="r", name="r", attempt=1, spec=JobSpec(problem="bowl"))
    placement.put(job)
    driver.cards[0].used = 9 * GIB
    watch.look()
    assert said == []  # that is the job
    placement.take_back(job, None)
    watch.look()
    assert placement.offer().room == ([] if skips_busy else ["cuda:0"])
    assert len(said) == skips_busy


def test_a_gpu_that_nvml_never_knew_is_not_taken_for_lost():
    said = []
    placement = Placement(seen("cc33")[1:], Sharing())
    assert GpuWatch(seen("cc33")[1:], Nvml(Driver([Card("GPU-aa11")])), placement, said.append).look() == []
    assert (placement.offer().room, said) == (["cuda:0"], [])
