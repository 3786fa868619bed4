"""Problems that somebody wrote are found, built and named like those that come with the package."""

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from hessianfree_lab.errors import InvalidRequest, LabError
from hessianfree_lab.records import JobSpec
from hessianfree_lab.training.catalogue import catalogue
from hessianfree_lab.training.errors import CheckpointRefused
from hessianfree_lab.training.problems import Parts, all_problems, problem
from hessianfree_lab.training.problems.finding import own_problems, problems_of_file
from hessianfree_lab.training.session import Session
from hessianfree_lab.variables import PROBLEMS

LINES = '''
import torch
from pydantic import Field
from torch import nn

from hessianfree_lab.training.problems import Params, Parts, problem


class Options(Params):
    cases: int = Field(50, ge=1, le=100, description="Training cases.")


@problem(title="Lines", metrics={"loss": "squared error"})
def my_lines(options: Options, generator: torch.Generator) -> Parts:
    """A line through points."""
    x = torch.randn(options.cases, 3, generator=generator)
    y = x.sum(1, keepdim=True)
    return Parts(model=nn.Linear(3, 1), loss_function=nn.MSELoss(), training=(x, y), batch_size=10)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(PROBLEMS, str(tmp_path))
    path = sys.path.copy()
    as_in_a_new_process(tmp_path)
    yield tmp_path
    as_in_a_new_process(tmp_path)
    sys.path[:] = path


def as_in_a_new_process(folder: Path) -> None:
    """Forget what was loaded from there: a process loads a file once."""
    own_problems.cache_clear()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]


def lines_job(**spec: Any) -> JobSpec:
    return JobSpec.model_validate({"problem": "my-lines", "budget": {"steps": 3}, "dtype": "float64"} | spec)


def test_a_file_in_the_folder_is_announced_and_trained(folder: Path) -> None:
    (folder / "lines.py").write_text(LINES)
    (folder / "_helpers.py").write_text("raise RuntimeError('not a problem')")
    (info,) = [info for info in catalogue()["problems"] if info["name"] == "my-lines"]
    assert (info["title"], info["description"], info["missing"]) == ("Lines", "A line through points.", "")
    assert info["params_schema"]["properties"]["cases"]["maximum"] == 100
    session = Session(lines_job(budget={"steps": 8}))
    losses = [step.metrics["loss"] for step, *_ in session]
    assert losses[-1] < 1e-3 * losses[0]
    assert session.task.is_stochastic
    environment = session.environment()
    assert environment["problem_source"] == str(folder / "lines.py")
    assert environment["problem_versions"] == {"lines.py": sha256(LINES.encode()).hexdigest()}


def test_options_are_checked_like_any(folder: Path) -> None:
    (folder / "lines.py").write_text(LINES)
    with pytest.raises(InvalidRequest, match=r"problem_params\.cases = 101"):
        Session(lines_job(problem_params={"cases": 101}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import torch\nfrom nowhere import thing\n",
            r"ModuleNotFoundError: No module named 'nowhere' \(line 2\)",
        ),
        ("def f(:\n", r"SyntaxError: .*\(line 1\)"),
        (
            "from hessianfree_lab.training.problems import problem\n\n@problem(title='T')\ndef f(a, b, c): ...\n",
            r"must take \(options, generator\).*it takes \(a, b, c\) \(line 3\)",
        ),
        ("import sys\nsys.exit()\n", r"it exits when it is imported \(line 2\); put what is a script under"),
        ("import _half\n", r"SyntaxError: .*\(_half\.py, line 2\) \(line 1\)"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named_with_its_line(folder: Path, text: str, told: str) -> None:
    (folder / "broken.py").write_text(text)
    (folder / "_half.py").write_text("\ndef f(:\n")
    with pytest.raises(LabError, match=rf"broken\.py cannot be loaded: .*{told}"):
        all_problems()


def test_a_broken_file_fails_no_job_on_another_problem(folder: Path) -> None:
    (folder / "broken.py").write_text("import nowhere\n")
    (folder / "lines.py").write_text(LINES)
    assert Session(lines_job()).task.is_stochastic
    assert Session(lines_job(problem="quadratic")).step == 0
    with pytest.raises(LabError, match=r"No problem 'gone' was found\. .*broken\.py cannot be loaded: Mod"):
        Session(lines_job(problem="gone"))
    (folder / "broken.py").unlink()
    own_problems.cache_clear()
    with pytest.raises(InvalidRequest, match=r"no problem 'my-line'\. Did you mean 'my-lines'\?"):
        Session(lines_job(problem="my-line"))


def test_two_of_one_name_are_refused(folder: Path) -> None:
    (folder / "one.py").write_text(LINES)
    (folder / "two.py").write_text(LINES)
    with pytest.raises(LabError, match=r"two problems called 'my-lines': in .*two\.py and in .*one\.py"):
        all_problems()
    with pytest.raises(LabError, match="two problems called 'my-lines'"):
        Session(lines_job())
    (folder / "two.py").write_text(LINES.replace("my_lines", "rosenbrock"))
    as_in_a_new_process(folder)
    with pytest.raises(LabError, match="and in hessianfree-lab itself"):
        all_problems()


def test_a_folder_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROBLEMS, str(folder / "away"))
    with pytest.raises(LabError, match="away: there is no such folder"):
        all_problems()


def test_a_problem_that_a_file_imports_is_not_its_own(folder: Path) -> None:
    (folder / "lines.py").write_text(LINES)
    (folder / "also.py").write_text(
        "from lines import my_lines\n"
        "from hessianfree_lab.training.problems.plane.rosenbrock import ROSENBROCK\n"
        "from hessianfree_lab.training.problems import problem\n\n"
        "@problem(title='Again', name='again')\ndef again(generator):\n    return my_lines\n"
    )
    assert [found.name for found in problems_of_file(folder / "also.py")] == ["again"]
    found = {each.name: each for each in own_problems().problems}
    assert found.keys() == {"my-lines", "again"}
    assert all_problems()["my-lines"].source == found["my-lines"].source
    assert sys.modules["also"].my_lines is sys.modules["lines"].my_lines


def test_what_lies_beside_a_file_goes_before_what_is_installed(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path_factory.mktemp("installed")
    (installed / "shadowed.py").write_text("CASES = 1\n")
    (installed / "fresh.py").write_text("CASES = 1\n")
    monkeypatch.syspath_prepend(installed)
    import shadowed  # type: ignore[import-not-found]

    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    for name in ("shadowed", "fresh", "random", "colorsys"):  # the last are Python's own
        (folder / f"{name}.py").write_text("CASES = 20\n")
    text = "import colorsys\nimport random\nimport fresh\nimport shadowed\n"
    text += (
        "assert random.random() < 1 and colorsys.rgb_to_hls and (fresh.CASES, shadowed.CASES) == (20, 20)\n"
    )
    (folder / "lines.py").write_text(text + LINES)
    (folder / "other.py").write_text("import shadowed\nimport lines\nassert lines.shadowed is shadowed\n")
    assert [each.name for each in own_problems().problems] == ["my-lines"]
    assert own_problems().broken == []
    assert sys.modules["shadowed"] is shadowed
    assert shadowed.CASES == 1


def test_a_checkpoint_of_another_file_is_refused(folder: Path) -> None:
    def write(name: str, text: str) -> None:
        """Neither size nor time tells that it was changed."""
        (folder / name).write_text(text)
        os.utime(folder / name, (1e9, 1e9))

    write("lines.py", LINES.replace("from torch import nn", "from torch import nn\nimport _rate"))
    write("_rate.py", "RATE = 0.1\n")
    session = Session(lines_job())
    next(iter(session))
    assert session.environment()["problem_versions"].keys() == {"lines.py", "_rate.py"}
    kept = session.state()
    Session(lines_job()).restore(kept)
    for name in ("_rate.py", "lines.py"):
        text = (folder / name).read_text()
        write(name, text.replace("0.1", "0.2").replace("batch_size=10", "batch_size=20"))
        as_in_a_new_process(folder)
        with pytest.raises(CheckpointRefused, match=rf"it was made with another version of .*{name}"):
            Session(lines_job()).restore(kept)
    assert Session(lines_job()).task.batch_size == 20  # type: ignore[attr-defined]


def test_a_problem_that_exits_when_it_is_built_has_a_sentence() -> None:
    @problem(title="Leaving")
    def leaving(generator: torch.Generator) -> Parts:
        raise SystemExit(0)

    with pytest.raises(LabError, match=r"leaving\(\) exits \(sys\.exit\)"):
        leaving.build(leaving.params(), 0, torch.device("cpu"), torch.float32)


def test_what_is_no_parts_is_said() -> None:
    @problem(title="Wrong")
    def wrong(generator: torch.Generator) -> int:
        return 3

    with pytest.raises(LabError, match=r"wrong\(\) answered a int; it must answer Parts"):
        wrong.build(wrong.params(), 0, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("name", ["Upper", "two--hyphens", "", "a b", "a" * 101])
def test_a_name_that_no_job_could_give_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must be small letters"):
        problem(title="T", name=name)(lambda generator: None)  # type: ignore[arg-type, return-value]
