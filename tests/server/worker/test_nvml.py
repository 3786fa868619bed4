"""What is made of NVML's answers."""

import pytest

from hessianfree_lab.worker.nvml import Gpu, Nvml, open_nvml
from server.worker.drivers import GIB, Card, Driver, divided

H100 = Gpu(
    uuid="GPU-a",
    title="NVIDIA H100 80GB HBM3",
    memory_total_bytes=80 * GIB,
    memory_used_bytes=8 * GIB,
    utilisation=0.97,
    temperature_celsius=61,
    power_watts=412.5,
    power_limit_watts=700.0,
)


def card(**more):
    return Card("GPU-a", **{"used": 8 * GIB, "percent": 97, "celsius": 61, "milliwatts": 412_500} | more)


def test_a_gpu_is_read_with_its_units_and_the_driver_with_its_version():
    look = Nvml(Driver([card(), Card("GPU-b")])).look()
    assert (look.gpus[0], look.driver) == (H100, "580.65.06")


def test_an_older_driver_is_asked_as_it_can_be_answered():
    (gpu,) = Nvml(Driver([card()], is_old=True)).look().gpus
    assert (gpu.memory_used_bytes, gpu.temperature_celsius) == (9 * GIB, 61)


def test_what_a_gpu_does_not_tell_is_not_known_and_not_nought():
    (gpu,) = Nvml(Driver([card(total=None, percent=None, celsius=None, milliwatts=None)])).look().gpus
    assert gpu == Gpu(uuid="GPU-a", title="NVIDIA H100 80GB HBM3")


def test_a_divided_gpu_is_its_instances_whose_load_nobody_knows():
    driver = Driver([divided("GPU-m", "MIG-1", "MIG-2"), Card("GPU-b")])
    first, second, whole = Nvml(driver).look().gpus
    assert (first.uuid, first.parent, second.uuid, second.parent) == ("MIG-1", "GPU-m", "MIG-2", "GPU-m")
    assert (first.memory_total_bytes, first.memory_used_bytes, first.utilisation) == (5 * GIB, 0, None)
    assert (whole.uuid, whole.parent) == ("GPU-b", None)


def test_a_divided_gpu_without_instances_is_no_device():
    assert Nvml(Driver([divided("GPU-m")])).look().gpus == ()


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (card(gone=15), [Gpu(uuid="GPU-a", fault="GPU is lost")]),
        (card(is_lost_by_number=True), []),  # it cannot even say which one it is
    ],
)
def test_one_that_has_fallen_off_the_bus_takes_no_other_along(lost, told):
    *found, other = Nvml(Driver([lost, Card("GPU-b")])).look().gpus
    assert found == told
    assert (other.uuid, other.fault) == ("GPU-b", None)


def test_a_driver_that_was_exchanged_is_opened_anew():
    driver = Driver([card()], trouble=18)
    nvml = Nvml(driver)
    assert nvml.look().trouble == "Driver/library version mismatch"
    driver.trouble = None
    assert len(nvml.look().gpus) == len(nvml.look().gpus) == 1
    assert driver.opened == 1
    driver.trouble = 999
    assert nvml.look().gpus == ()
    driver.trouble = None
    assert len(nvml.look().gpus) == 1
    assert driver.opened == 2


def test_this_machines_driver_is_asked_whether_it_is_there_or_not():
    look = open_nvml().look()
    assert look.trouble or all(gpu.uuid.startswith(("GPU-", "MIG-")) for gpu in look.gpus)
