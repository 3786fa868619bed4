"""The language model: text, windows, causality, losses, Gauss-Newton products."""

import math

import pytest
import torch

from engine.reference import ggn
from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.parameters import Parameters
from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.training.datasets import BUILT_IN_TEXT, text
from hessianfree_lab.training.problems import PROBLEMS
from hessianfree_lab.training.problems.transformer import numbered, windows
from hessianfree_lab.variables import DATASETS
from server.training.sessions import SMALL, records_of, session

CPU = torch.device("cpu")
VERSE = "so much depends upon a red wheel barrow glazed with rain water beside the white chickens. " * 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(DATASETS, str(tmp_path))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "verse.txt").write_text(VERSE, encoding="utf-8")
    return tmp_path


def build(**params):
    problem = PROBLEMS["transformer"]
    return problem.build(problem.params(**SMALL["transformer"] | params), 0, CPU, torch.float64)


def test_a_text_is_a_file_of_that_name_or_pythons_own(folder):
    assert text("verse") == VERSE
    assert "lambda" in text(BUILT_IN_TEXT)
    assert len(text(BUILT_IN_TEXT)) > 100_000
    with pytest.raises(
        InvalidRequest, match=rf"problem_params\.text = 'prose': .*prose\.txt; it has verse, {BUILT_IN_TEXT}"
    ):
        text("prose")
    (folder / "text" / "odd.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InvalidRequest, match=r"odd\.txt cannot be read: .*utf-8"):
        text("odd")


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".hidden", "x" * 81])
def test_a_name_leads_nowhere_else(name):
    with pytest.raises(ValueError, match="String should match pattern"):
        PROBLEMS["transformer"].params(text=name)


def test_characters_are_numbered_in_the_order_of_their_alphabet():
    numbers, kinds = numbered("cabbä€")
    assert numbers.tolist() == [2, 0, 1, 1, 3, 4]
    assert kinds == 5


def test_windows_are_from_all_over_the_text_and_ask_for_what_comes_next():
    inputs, targets = windows(torch.arange(101), 10, 5, name="cases")
    assert inputs[:, 0].tolist() == [0, 20, 40, 60, 80]
    assert torch.equal(targets, inputs + 1)
    inputs, targets = windows(torch.arange(101), 10, None, name="cases")
    assert torch.equal(inputs.flatten(), torch.arange(100))
    assert targets[-1, -1] == 100
    with pytest.raises(
        InvalidRequest, match=r"problem_params\.cases = 11: the text has 10 cases of 10 characters"
    ):
        windows(torch.arange(101), 10, 11, name="cases")


def test_the_last_tenth_is_held_out(folder):
    task = build(text="verse", cases=None, held_out_cases=None)
    numbers, _ = numbered(VERSE)
    trained, rest = task._data.inputs.flatten(), task._data.held_out_inputs.flatten()
    assert torch.equal(trained, numbers[: len(trained)])
    assert len(trained) == (len(VERSE) - round(0.1 * len(VERSE)) - 1) // 8 * 8
    begin = len(VERSE) - round(0.1 * len(VERSE))
    assert torch.equal(rest, numbers[begin : begin + len(rest)])


def test_a_place_does_not_see_what_comes_later(folder):
    model = build(text="verse").batch.model
    characters = torch.randint(10, (2, 8), generator=torch.Generator().manual_seed(0))
    logits = model(characters)
    changed = characters.clone()
    changed[:, 5] = (changed[:, 5] + 1) % 10
    again = model(changed)
    torch.testing.assert_close(again[:, :5], logits[:, :5])
    assert ((again[:, 5:] - logits[:, 5:]).abs().amax(2) > 0).all()


def test_an_even_guess_costs_the_logarithm_of_the_alphabet(folder):
    task = build(text="verse")
    with torch.no_grad():
        task.batch.model.out.weight.zero_()
    nats = math.log(len(set(VERSE)))
    assert task.forward()[0].item() == pytest.approx(nats)
    assert task.evaluate()["eval_loss"] == pytest.approx(nats)


def test_a_width_that_heads_cannot_share_is_refused(folder):
    with pytest.raises(InvalidRequest, match=r"problem_params\.width = 5: must be a multiple of heads = 2"):
        build(text="verse", width=5)


def test_products_are_those_of_the_dense_matrix(folder):
    task = build(text="verse", cases=2, context=3, heads=1, width=2)
    matrix = ggn(*task.forward(), task.parameters)
    vector = torch.randn(len(matrix), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    product = GaussNewton(*task.forward(), Parameters([list(task.parameters)]))(vector)
    torch.testing.assert_close(product, matrix @ vector)


@pytest.mark.filterwarnings("ignore:The reduction ratio `rho` is negative")
def test_a_verse_is_learned_better_than_letter_by_letter(folder):
    params = SMALL["transformer"] | {"text": "verse", "cases": 30, "width": 8}
    records = records_of(session("transformer", problem_params=params, steps=25))
    letters = torch.bincount(numbered(VERSE)[0]) / len(VERSE)
    assert records[-1].metrics["loss_after"] < -(letters * letters.log()).sum()
