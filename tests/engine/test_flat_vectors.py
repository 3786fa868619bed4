"""Between flat vectors and parameters: the public helpers and the engine's own view."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from hessianfree.parameters import Parameters
from hessianfree.utils import vector_to_parameter_list, vector_to_trainparams

shapes = st.lists(st.lists(st.integers(1, 4), max_size=4), min_size=1, max_size=6)
flags = st.lists(st.booleans(), min_size=6, max_size=6)


def parameters_of(shapes, flags=None):
    """Zeros; the i-th trains if the i-th flag says so."""
    flags = [True] * len(shapes) if flags is None else flags
    return [
        nn.Parameter(torch.zeros(shape, dtype=torch.float64), requires_grad=flag)
        for shape, flag in zip(shapes, flags, strict=False)
    ]


def numbered(size):
    return torch.arange(1.0, size + 1, dtype=torch.float64)


@given(shapes, flags)
def test_written_into_the_trainable_ones_and_read_back(shapes, flags):
    parameters = parameters_of(shapes, flags)
    trainable = [p for p in parameters if p.requires_grad]
    vector = numbered(sum(p.numel() for p in trainable))
    places = [p.data_ptr() for p in parameters]
    assert vector_to_trainparams(vector, parameters) is None
    if trainable:
        assert torch.equal(torch.cat([p.detach().reshape(-1) for p in trainable]), vector)
    assert all(not p.any() for p in parameters if not p.requires_grad)
    assert places == [p.data_ptr() for p in parameters]
    assert [p.requires_grad for p in parameters] == list(flags[: len(parameters)])


@given(shapes, flags)
def test_a_list_of_views_changes_nothing(shapes, flags):
    """All of `parameters` count here, the frozen ones too: the caller says which he means."""
    parameters = parameters_of(shapes, flags)
    vector = numbered(sum(p.numel() for p in parameters))
    pieces = vector_to_parameter_list(vector, parameters)
    assert [piece.shape for piece in pieces] == [p.shape for p in parameters]
    assert torch.equal(torch.cat([piece.reshape(-1) for piece in pieces]), vector)
    assert all(not p.any() for p in parameters)
    assert all(piece.untyped_storage().data_ptr() == vector.untyped_storage().data_ptr() for piece in pieces)


@given(shapes)
def test_the_engines_view_goes_there_and_back(shapes):
    parameters = parameters_of(shapes)
    view = Parameters([parameters])
    vector = numbered(view.dimension)
    assert torch.equal(view.flatten(view.split(vector)), vector)
    view.add(vector)
    assert torch.equal(view.flatten(view.tensors), vector)


@given(shapes, flags)
def test_the_engines_view_and_the_helpers_agree_on_the_order(shapes, flags):
    parameters = parameters_of(shapes, [True, *flags[1:]])
    view = Parameters([parameters[:2], parameters[2:]])
    vector = numbered(view.dimension)
    vector_to_trainparams(vector, parameters)
    assert torch.equal(view.flatten(view.tensors), vector)


def test_writing_takes_a_copy():
    (p,) = parameters_of([[3]])
    vector = numbered(3)
    vector_to_trainparams(vector, [p])
    vector.zero_()
    assert torch.equal(p.detach(), numbered(3))


def test_an_iterator_of_parameters_will_do():
    model = nn.Linear(2, 2)
    vector_to_trainparams(torch.arange(6.0), model.parameters())
    assert torch.equal(model.bias.detach(), torch.tensor([4.0, 5.0]))
    assert len(vector_to_parameter_list(torch.arange(6.0), model.parameters())) == 2


@pytest.mark.parametrize("function", [vector_to_trainparams, vector_to_parameter_list])
@pytest.mark.parametrize("vector", [[1.0, 2.0], None, 3.0])
def test_what_is_no_tensor_is_refused(function, vector):
    with pytest.raises(TypeError):
        function(vector, parameters_of([[2]]))


@pytest.mark.parametrize("function", [vector_to_trainparams, vector_to_parameter_list])
def test_entries_left_over_warn(function):
    parameters = parameters_of([[2], [1, 2]])
    with pytest.warns(UserWarning, match="entries"):
        pieces = function(numbered(5), parameters)
    if pieces is not None:
        assert [piece.shape for piece in pieces] == [p.shape for p in parameters]
    else:
        assert torch.equal(parameters[1].detach().reshape(-1), numbered(4)[2:])


@pytest.mark.parametrize("function", [vector_to_trainparams, vector_to_parameter_list])
def test_a_vector_that_is_too_short_is_refused_and_writes_nothing(function):
    parameters = parameters_of([[2], [2]])
    with pytest.raises((ValueError, RuntimeError)):
        function(numbered(3), parameters)
    assert all(not p.any() for p in parameters)
