"""The words of `hessianfree new problem` and `hessianfree check`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from hessianfree_lab.cli.app import app
from hessianfree_lab.errors import InvalidRequest, LabError

RUNNER = CliRunner()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    result = RUNNER.invoke(app, ["new", "problem", "mine", "--problems", str(tmp_path)])
    assert result.exit_code == 0, result.output
    return tmp_path / "mine.py"


def test_what_is_wrong_is_said_and_told_by_the_exit_code(file: Path) -> None:
    file.write_text(file.read_text().replace("nn.MSELoss()", 'nn.MSELoss(reduction="sum")'))
    checked = RUNNER.invoke(app, ["check", str(file), "mine"])
    assert checked.exit_code == 1
    assert "  wrong the loss is a mean over cases: " in checked.output
    assert "Start a worker" not in checked.output


def test_a_file_without_problems_is_said(file: Path) -> None:
    file.write_text("import torch\n")
    checked = RUNNER.invoke(app, ["check", str(file)])
    assert (checked.exit_code, "has no problem" in checked.output) == (1, True)


def test_what_the_file_says_is_no_markup_and_its_folder_is_looked_at(file: Path) -> None:
    text = file.read_text().replace('title="Mine"', 'title="Classes [v2] of [/mine]"')
    file.write_text(text)
    (file.parent / "copy.py").write_text(text)
    (file.parent / "broken.py").write_text("import nowhere")
    checked = RUNNER.invoke(app, ["check", str(file)])
    assert checked.exit_code == 1
    assert "mine  Classes [v2] of [/mine]\n" in checked.output
    assert "  wrong no other problem has its name: " in checked.output
    assert checked.output.count("  wrong ") == 1
    assert "No worker starts with this folder: " in checked.output
    assert "broken.py cannot be loaded: ModuleNotFoundError" in checked.output
    (file.parent / "copy.py").unlink()
    checked = RUNNER.invoke(app, ["check", str(file)])
    assert (checked.exit_code, "  wrong " in checked.output, "Start a worker" in checked.output) == (
        1,
        False,
        False,
    )


def test_a_file_that_exits_is_said(file: Path) -> None:
    file.write_text("raise SystemExit(0)")
    with pytest.raises(LabError, match="it exits when it is imported"):
        RUNNER.invoke(app, ["check", str(file)], catch_exceptions=False)


def test_another_name_is_refused(file: Path) -> None:
    with pytest.raises(InvalidRequest, match="There is no problem 'other'"):
        RUNNER.invoke(app, ["check", str(file), "other"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mine", "is there already"),
        ("My Problem", "must be small letters"),
        ("class", "a word of Python's"),
    ],
)
def test_no_file_is_overwritten_or_has_a_name_that_no_job_could_give(
    file: Path, name: str, told: str
) -> None:
    with pytest.raises(LabError, match=told):
        RUNNER.invoke(app, ["new", "problem", name, "--problems", str(file.parent)], catch_exceptions=False)
