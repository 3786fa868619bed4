"""The units start what there is, with settings that there are, and systemd takes them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hessianfree_lab.cli.app import VERBS
from hessianfree_lab.settings import Settings

PROGRAM = "/opt/hessianfree/bin/hessianfree"
OTHERS = {"HESSIANFREE_SERVER", "HESSIANFREE_TOKEN"}


@pytest.fixture(scope="module")
def units(root: Path) -> dict[str, str]:
    paths = [
        path for path in (root / "deploy" / "systemd").iterdir() if path.suffix in (".service", ".timer")
    ]
    return {path.name: path.read_text(encoding="utf-8") for path in paths}


def test_systemd_takes_them(units: dict[str, str], tmp_path: Path) -> None:
    """Where it is installed; otherwise each line is one that it could read."""
    for name, text in units.items():
        (tmp_path / name).write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
        for line in text.splitlines():
            assert re.fullmatch(r"(#.*|\[\w+\]|[A-Z]\w+=.*)?", line), f"{name}: {line}"
    if (analyze := shutil.which("systemd-analyze")) is None:
        return
    ended = subprocess.run(
        [analyze, "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    # Of units that the machine has itself it may complain, too.
    complaints = [line for line in ended.stderr.splitlines() if "hessianfree" in line]
    assert complaints == []


def test_they_start_verbs_that_there_are(units: dict[str, str]) -> None:
    started = {
        name: match.group(1)
        for name, text in units.items()
        if (match := re.search(rf"^ExecStart={PROGRAM} (\w+)", text, re.MULTILINE))
    }
    assert started == {
        "hessianfree-server.service": "serve",
        "hessianfree-worker.service": "work",
        "hessianfree-backup.service": "db",
    }
    assert {"serve", "work"} <= VERBS.keys()


def test_their_settings_are_settings(root: Path, units: dict[str, str]) -> None:
    known = {f"HESSIANFREE_{name.upper()}" for name in Settings.model_fields} | OTHERS
    texts = [*units.values(), *(path.read_text() for path in (root / "deploy" / "systemd").glob("*.env"))]
    named = {name for text in texts for name in re.findall(r"\b(HESSIANFREE_[A-Z_]+)=", text)}
    assert {"HESSIANFREE_DATA_DIR", "HESSIANFREE_STORAGE", "HESSIANFREE_SERVER"} <= named <= known


def test_a_timer_has_its_service(units: dict[str, str]) -> None:
    timers = [name for name in units if name.endswith(".timer")]
    assert timers == ["hessianfree-backup.timer"]
    assert all(name.replace(".timer", ".service") in units for name in timers)
