"""docs/problems.md says of every problem what it is, how large, and what is measured: as the registry has it."""

import re
from pathlib import Path

import pytest
import torch

from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.autoencoders.autoencoder import autoencoder
from hessianfree_lab.training.problems.autoencoders.faces_autoencoder import WIDTHS
from hessianfree_lab.training.problems.classifiers.allcnnc import allcnnc
from hessianfree_lab.training.problems.classifiers.image_classifier import Shape
from hessianfree_lab.training.problems.classifiers.resnet18 import resnet18
from server.training.sessions import LAGS

PAGE = Path(__file__).parents[3] / "docs" / "problems.md"
CIFAR_10 = Shape(channels=3, classes=10)

# Few cases, of which the network does not know.
QUICK = {
    "mnist-autoencoder": {"dataset": "fashion-mnist", "cases": 1, "held_out_cases": 1},
    **{name: {"cases": 1, "held_out_cases": 1} for name in ("curves-autoencoder", *LAGS)},
}


def size(name: str) -> int:
    """Parameters, with the default options."""
    if name in ("resnet18", "allcnnc"):
        with torch.device("meta"):
            model = resnet18(64, CIFAR_10) if name == "resnet18" else allcnnc(96, CIFAR_10)
        return sum(parameter.numel() for parameter in model.parameters())
    if name == "faces-autoencoder":
        with torch.device("meta"):
            model = autoencoder(WIDTHS, "sigmoid", torch.Generator(), lambda *_: None)
        return sum(parameter.numel() for parameter in model.parameters())
    problem = PROBLEMS[name]
    task = problem.build(problem.params(**QUICK.get(name, {})), 0, torch.device("cpu"), torch.float32)
    return sum(parameter.numel() for parameter in task.parameters)


def measured(name: str) -> str:
    """The metrics, without those that say the same of other cases or where the parameters are."""
    return "; ".join(
        f"`{metric}`: {text}"
        for metric, text in PROBLEMS[name].metrics.items()
        if metric not in ("eval_loss", "train_error", "x", "y")
    )


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    found = re.findall(r"^\| `([a-z0-9-]+)` \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in found}


def test_every_problem_has_its_row_in_the_registrys_order(rows: dict[str, list[str]]) -> None:
    assert list(rows) == list(PROBLEMS)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_row_says_what_the_registry_says(rows: dict[str, list[str]], name: str) -> None:
    what, parameters, source, metrics = rows[name]
    assert what == PROBLEMS[name].title
    assert metrics == (measured(name) or "`loss`: the value")
    assert re.search(r"\d{4}", source) or source == "-"
    # The alphabet of Python's topics is another in another release.
    expected = size(name)
    tolerance = 0.02 * expected if name == "transformer" else 0
    assert abs(int(parameters.replace(",", "")) - expected) <= tolerance
