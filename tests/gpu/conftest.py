"""Tests that need a GPU: collected everywhere, run by `make test-gpu` where torch sees one."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    can_run = bool(ours) and _are_asked_for(config) and _has_gpu()
    for item in ours:
        item.add_marker(pytest.mark.gpu)
        if not can_run:
            item.add_marker(pytest.mark.skip(reason="needs a GPU: make test-gpu"))


def _are_asked_for(config: pytest.Config) -> bool:
    """Otherwise GPUs are hidden from all tests: tests/conftest.py."""
    return "gpu" in config.option.markexpr


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
