"""Why help comes at once: nothing heavy is imported for it. benchmarks/service.py measures how long it takes."""

import subprocess
import sys

HEAVY = {"torch", "numpy", "fastapi", "pydantic", "sqlalchemy", "httpx", "plotly", "hessianfree"}


def test_help_imports_nothing_heavy():
    command = [sys.executable, "-X", "importtime", "-m", "hessianfree_lab.cli", "--help"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "hessianfree_lab.cli.app" in imported
    assert not HEAVY & imported
