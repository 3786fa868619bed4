"""What a person can say to the program is written down, and nothing that is written down has gone."""

import re
from pathlib import Path

import pytest
import typer

from hessianfree_lab.cli.app import VERBS, app
from hessianfree_lab.settings import Settings

READ_BY_OTHERS = {
    f"HESSIANFREE_{name}"
    for name in (
        *("SERVER", "TOKEN_FILE", "DEBUG", "OFFLINE", "DATASETS", "PROBLEMS"),
        *("JOBS_PER_GPU", "GPU_MEMORY_FRACTION", "SKIP_BUSY_GPUS"),
    )
}
"""By clients, scripts and workers; the server has no use for them."""


@pytest.fixture(scope="module")
def manual(root: Path) -> str:
    return (root / "docs" / "command-line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", [*VERBS, "db upgrade"])
def test_every_verb_is_in_the_manual(verb: str, manual: str) -> None:
    assert f"`hessianfree {verb}" in manual


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_is_in_the_manual(verb: str, manual: str) -> None:
    command = typer.main.get_command(app).commands[verb]  # type: ignore[attr-defined]
    for parameter in command.params:
        flags = [flag for flag in parameter.opts if flag.startswith("--")]
        if flags and not getattr(parameter, "hidden", False) and flags != ["--help"]:
            assert any(re.search(rf"{flag}\b", manual) for flag in flags), f"{verb} {flags}"


def test_the_manual_knows_exactly_the_settings_there_are(manual: str) -> None:
    documented = set(re.findall(r"^\| `(HESSIANFREE_[A-Z_]+)`", manual, re.MULTILINE))
    settings = {f"HESSIANFREE_{name.upper()}" for name in Settings.model_fields}
    assert documented == settings | READ_BY_OTHERS


def test_relative_links_lead_somewhere(committed_texts: dict[str, str], root: Path) -> None:
    for name, text in committed_texts.items():
        if name.endswith(".md"):
            for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", text):
                assert (root / name).parent.joinpath(target).exists(), f"{name} links to {target}"


def test_the_makefile_targets_of_the_readme_exist(committed_texts: dict[str, str]) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", committed_texts["Makefile"], re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        named = set(re.findall(r"`make ([a-z][a-z-]*)", committed_texts[page])) | set(
            re.findall(r"^make ([a-z][a-z-]*)", committed_texts[page], re.MULTILINE)
        )
        assert named, page
        assert named <= targets, page


@pytest.mark.parametrize("page", ["docs/reliability.md", "SECURITY.md"])
def test_a_page_of_promises_names_tests_that_there_are(page: str, committed_texts: dict[str, str]) -> None:
    tests = "\n".join(text for name, text in committed_texts.items() if name.startswith("tests/"))
    there = set(re.findall(r"^ *(?:def|class) (\w+)", tests, re.MULTILINE)) | set(
        re.findall(r"^(Test\w+) =", tests, re.MULTILINE)
    )
    named = set(re.findall(r"`([Tt]est_?[A-Za-z]\w+)`", committed_texts[page]))
    assert named
    assert not named - there
