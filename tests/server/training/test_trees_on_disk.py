"""Any tree of plain values and tensors comes back from JSON and safetensors as it was."""

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from hessianfree_lab.training.trees import flattened, restored

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


@st.composite
def tensors(draw):
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    values = draw(st.lists(st.floats(), min_size=math.prod(shape), max_size=math.prod(shape)))
    tensor = torch.tensor(values, dtype=torch.float64).reshape(shape)
    dtype = draw(st.sampled_from(DTYPES))
    if not dtype.is_floating_point:
        tensor = tensor.nan_to_num(0, 1, 0).clamp(0, 9)
    return tensor.to(dtype).permute(draw(st.permutations(range(len(shape)))))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text() | st.integers() | st.booleans() | st.sampled_from(["$tensor", "$dict", "a.b"])
TREES = st.recursive(
    SCALARS | tensors(),
    lambda below: (
        st.lists(below, max_size=3)
        | st.lists(below, max_size=3).map(tuple)
        | st.dictionaries(KEYS, below, max_size=3)
    ),
    max_leaves=12,
)


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        alike = (a.shape, a.stride(), a.dtype) == (b.shape, b.stride(), b.dtype)
        return alike and torch.equal(a.isnan(), b.isnan()) and torch.equal(a.nan_to_num(), b.nan_to_num())
    if isinstance(a, float):
        return repr(a) == repr(b)  # tells NaN, and 0 from -0
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@given(TREES)
def test_a_tree_comes_back_as_it_was(tree):
    plain, kept = flattened(tree)
    text = json.dumps(plain, allow_nan=False)
    assert same(restored(json.loads(text), load(save(kept))), tree)


def test_a_tree_that_was_taken_apart_does_not_change_with_its_tensors():
    tensor = torch.zeros(3)
    plain, kept = flattened([tensor])
    tensor.fill_(1)
    (first,) = restored(plain, kept)
    first.fill_(2)
    (second,) = restored(plain, kept)
    assert second.tolist() == [0, 0, 0]


@pytest.mark.parametrize("stranger", [object(), {1, 2}, b"bytes", 1j])
def test_what_is_no_plain_value_is_refused_by_its_place(stranger):
    with pytest.raises(TypeError, match=r"state\.driver\.1 is a " + type(stranger).__name__):
        flattened({"driver": [0, stranger]})


def test_an_unknown_kind_of_value_is_refused():
    with pytest.raises(ValueError, match=r"'\$code' is no kind of value"):
        restored({"a": [{"$code": "print(1)"}]}, {})
