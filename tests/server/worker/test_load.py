"""What a worker tells of its processor."""

from hessianfree_lab.worker.load import processor_load


def test_the_processor_is_measured() -> None:
    load = processor_load()
    assert load.device == "cpu"
    assert load.utilisation is not None
    assert 0 <= load.utilisation <= 1
    assert load.memory_used_bytes is not None
    assert load.memory_total_bytes is not None
    assert 0 < load.memory_used_bytes < load.memory_total_bytes
