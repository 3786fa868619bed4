"""Every example runs as its reader would run it, with warnings as errors where it should be silent."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system  # whole processes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "two_moons")


def test_there_are_examples() -> None:
    assert len(SCRIPTS) >= 5


@pytest.mark.parametrize("name", SCRIPTS)
def test_example_runs(name: str) -> None:
    finished = subprocess.run(
        [sys.executable, f"{name}.py"], cwd=EXAMPLES, capture_output=True, text=True, timeout=120, check=False
    )
    assert finished.returncode == 0, finished.stderr
    assert "loss" in finished.stdout or "f =" in finished.stdout
    assert "nan" not in finished.stdout
