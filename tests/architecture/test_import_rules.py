"""Who may import whom: the contracts of pyproject.toml, and what they come to when processes run."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"torch", "numpy", "fastapi", "sqlalchemy", "httpx", "pydantic", "yaml", "rich"}


def loaded_by(statement: str, candidates: set[str]) -> set[str]:
    """Which of the modules are loaded once `statement` has run in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*({candidates!r} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(ran.stdout.split())


def test_contracts_are_kept(root: Path) -> None:
    # In a process of its own: it sets logging up anew, and with that silences all loggers there are.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert "0 broken" in ran.stdout


def test_the_serving_process_loads_neither_torch_nor_the_worker() -> None:
    heavy = {
        "torch",
        "backpack",
        "sklearn",
        "hessianfree",
        "hessianfree_lab.worker",
        "hessianfree_lab.training",
    }
    assert not loaded_by("import hessianfree_lab.serving", heavy)


def test_the_worker_loads_no_web_framework_and_no_database() -> None:
    forbidden = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "plotly"}
    assert not loaded_by("import hessianfree_lab.worker.agent, hessianfree_lab.training", forbidden)


def test_the_command_line_loads_nothing_heavy_before_a_verb_runs() -> None:
    assert not loaded_by("import hessianfree_lab.cli.app", HEAVY)


def test_the_engine_loads_without_the_service() -> None:
    assert not loaded_by(
        "import hessianfree.optimizer", {"hessianfree_lab", "hessianfree_web", "pydantic", "httpx"}
    )
