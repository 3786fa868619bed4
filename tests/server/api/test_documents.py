"""YAML as people mean it."""

import math
from typing import Any

import pytest

from hessianfree_lab.documents import read_yaml
from hessianfree_lab.errors import MalformedDocument


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-2.5E+4", -2.5e4),
        (".5", 0.5),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        (".inf", math.inf),
        ("true", True),
        ("no", "no"),
        ("on", "on"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("~", None),
        ('{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("a:\n  b: [x, 'y']", {"a": {"b": ["x", "y"]}}),
    ],
)
def test_plain_values_are_what_they_look_like(text: str, value: Any) -> None:
    found = read_yaml(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n  b: [1", "This is not valid YAML at line 2, column 4: mapping values are not allowed here."),
        ("a: [1, 2", "at line 1, column 9"),
        ("a: 1\nb: 2\na: 3", "at line 3, column 1: the key 'a' stands here a second time"),
        ("a: &x [1]\nb: *x", "at line 2, column 4: aliases (*name) are not allowed"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("\x00", "special characters are not allowed"),
        ("[" * 2_000, "nested too deeply"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        read_yaml(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("This is not valid YAML")
