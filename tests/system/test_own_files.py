"""Problems of one's own, from the template to a worker that trains them; and those of an installed package."""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from hessianfree_lab.errors import LabError
from hessianfree_lab.variables import PROBLEMS
from hessianfree_lab.worker.announcing import ask_training
from system.conftest import OWN, Machine
from system.launch import clean_environment, run

ANSWERS = """
import json, sys
from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.errors import CheckpointRefused
from hessianfree_lab.training.problems.finding import ENTRY_POINTS, own_problems
from hessianfree_lab.training.session import Session

spec = JobSpec.model_validate({"problem": "packed", "budget": {"steps": 1}, "device": "cpu"})
session = Session(spec)
metadata = sys.argv[1]
text = open(metadata).read().replace("Version: 1.0", "Version: 1.1")
open(metadata, "w").write(text)
kept = session.state()
own_problems.cache_clear()
try:
    Session(spec).restore(kept)
except CheckpointRefused as refused:
    print(json.dumps([session.environment()["problem_source"], session.environment()["problem_versions"],
                      sorted(own_problems().broken), str(refused)]))
"""


def test_a_new_problem_is_right_as_it_is(tmp_path: Path) -> None:
    made = run("new", "problem", "my-regression", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "hessianfree check problems/my_regression.py" in made.stdout
    checked = run("check", "problems/my_regression.py", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    lines = checked.stdout.splitlines()
    assert lines[0].split() == ["my-regression", "My", "regression"]
    assert sum(line.startswith("  ok ") for line in lines) == 16
    assert "hessianfree work --problems" in lines[-1]


def test_a_worker_trains_it_whatever_else_is_in_the_folder_by_then(machine: Machine) -> None:
    broken = machine.problems / "half_saved.py"
    broken.write_text("def f(:", encoding="utf-8")
    try:
        job = "{problem: own-lines, budget: {steps: 2}}"
        ended = run("submit", "-", "--watch", environment=machine.environment, stdin=job)
    finally:
        broken.unlink()
    assert ended.returncode == 0, ended.stdout + ended.stderr
    with machine.client() as client:
        found = client.run(ended.stdout.split()[0])
        printed = [line["text"] for line in client.logs(found.id)["lines"] if line["stream"] == "stdout"]
    assert found.environment["problem_source"] == str((machine.problems / "own_lines.py").resolve())
    assert found.environment["problem_versions"] == {"own_lines.py": sha256(OWN.encode()).hexdigest()}
    assert {"lines are loaded", "and by another process"} <= set(printed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import sys\nsys.exit(0)\n",
            r"leaves\.py cannot be loaded: it exits when it is imported \(line 2\)",
        ),
        ("import os\nos._exit(0)\n", "ended without saying what it offers"),
    ],
)
def test_no_worker_starts_with_a_file_that_exits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "leaves.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv(PROBLEMS, str(tmp_path))
    with pytest.raises(LabError, match=told):
        ask_training()


def test_an_installed_package_announces_problems(tmp_path: Path) -> None:
    package, information = tmp_path / "packed", tmp_path / "packed_problems-1.0.dist-info"
    package.mkdir()
    information.mkdir()
    (package / "__init__.py").write_text("from packed.lines import packed\n", encoding="utf-8")
    (package / "lines.py").write_text(OWN.replace("own_lines", "packed"), encoding="utf-8")
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: packed-problems\nVersion: 1.0\n", encoding="utf-8"
    )
    (information / "entry_points.txt").write_text(
        "[hessianfree_lab.problems]\nall = packed\naway = packed.away\nnumber = math:pi\n", encoding="utf-8"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    answer = subprocess.run(
        [sys.executable, "-c", ANSWERS, information / "METADATA"],
        env=clean_environment(PYTHONPATH=path),
        capture_output=True,
        text=True,
        check=True,
    )
    place, versions, broken, refused = json.loads(answer.stdout.splitlines()[-1])
    assert (place, versions) == ("the package packed-problems", {"packed-problems": "1.0"})
    away, number = broken
    assert away.startswith("The entry point away = packed.away cannot be loaded: ModuleNotFoundError: ")
    assert "it names a float; it must name a problem or a module" in number
    assert refused == "it was made with another version of packed-problems."
