"""What concerns the whole suite."""

from pathlib import Path

import pytest

SYSTEM = Path(__file__).parent / "system"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in tests/system, and run it last: what is broken shows before minutes are spent on it."""
    for item in items:
        if SYSTEM in item.path.parents:
            item.add_marker(pytest.mark.system)
    items.sort(key=lambda item: item.get_closest_marker("system") is not None)
