"""`hessianfree tokens`: of a server that runs, and of one that is stopped."""

import json
from pathlib import Path

import httpx
import pytest

from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from system.launch import run

SECRET = "the token of the settings"
pytestmark = pytest.mark.system


def test_a_servers_owner_makes_lists_and_revokes_tokens(tmp_path: Path) -> None:
    with running(Settings(data_dir=tmp_path, port=0, token=SECRET)) as url:
        asked = ["--server", url, "--token", SECRET]
        made = run("tokens", "create", "gpu 1", "--role", "worker", "--expires", "30d", *asked)
        assert made.returncode == 0, made.stderr
        assert "gpu 1 (worker), until 20" in made.stderr
        secret = made.stdout.strip()
        register = {
            "url": f"{url}/api/v1/workers",
            "json": {"name": "w", "host": "h", "pid": 1},
            "headers": {"Authorization": f"Bearer {secret}"},
        }
        assert httpx.post(**register).status_code == 201
        listed = json.loads(run("tokens", "list", "--json", *asked).stdout)
        assert [(item["name"], item["role"]) for item in listed] == [("gpu 1", "worker")]
        # Nobody opens the database of a server that runs.
        refused = run("tokens", "list", "--data-dir", tmp_path)
        assert refused.returncode == 2
        assert "Another server already runs" in refused.stderr
        revoked = run("tokens", "revoke", "gpu 1", *asked)
        assert revoked.stdout == "gpu 1 (worker) is revoked.\n"
        assert httpx.post(**register).status_code == 401
        forbidden = run("tokens", "list", "--server", url, "--token", secret)
        assert forbidden.returncode == 1
        assert "asks for its token" in forbidden.stderr
    offline = run("tokens", "list", "--data-dir", tmp_path)
    assert "gpu 1" in offline.stdout
    assert "revoked 20" in offline.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["create", "x", "--role", "read", "--expires", "soon"],
            "--expires is 'soon'; it must be a number with",
        ),
        (["revoke", "nobody"], "No valid tokens are named 'nobody'"),
    ],
)
def test_mistakes_are_said_in_a_sentence(tmp_path: Path, arguments: list[str], words: str) -> None:
    failed = run("tokens", *arguments, "--data-dir", tmp_path)
    assert failed.returncode == 2
    assert words in failed.stderr
