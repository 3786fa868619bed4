"""What the engine is tested under."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _any_kernels() -> None:
    """A job chooses repeatable kernels for its whole process, and some tests train one in theirs."""
    torch.set_deterministic_debug_mode("default")
