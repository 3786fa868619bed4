"""The language of filters: texts and trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.errors import InvalidRequest
from hessianfree_lab.store.filters import And, Comparison, Node, Not, Or, Value, parse
from server.store.filter_trees import grown

WORDS = st.text(max_size=12)
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", ":"])


def words_or_quoted(draw: st.DrawFn) -> Value:
    text = draw(st.one_of(st.sampled_from(["digits-mlp", "1e-3", "2d", "null"]), WORDS))
    bare = text in ("digits-mlp", "1e-3", "2d", "null") and draw(st.booleans())
    return Value(text=text, quoted=not bare)


comparisons = st.builds(
    Comparison, name=WORDS, operator=OPERATORS, value=st.composite(lambda draw: words_or_quoted(draw))()
)


@given(tree=grown(comparisons))
def test_a_printed_tree_reads_as_itself(tree: Node) -> None:
    assert parse(str(tree)) == tree


@given(text=st.one_of(st.text(max_size=40), st.text(alphabet="ab ()=!<>:\"'\\ andornot", max_size=40)))
def test_any_text_is_a_tree_or_a_sentence_with_a_place(text: str) -> None:
    try:
        tree = parse(text)
    except InvalidRequest as error:
        (fault,) = error.faults
        assert fault.path == "filter"
        assert fault.position is not None
        assert 0 <= fault.position <= len(text)
        assert fault.message.startswith(f"At character {fault.position + 1}: ")
        assert fault.message.endswith(".")
    else:
        assert parse(str(tree)) == tree


def test_not_binds_closest_and_or_least() -> None:
    one, two, three = (Comparison(name=name, operator="=", value=Value(text="1")) for name in "abc")
    assert parse("not a = 1 and b = 1 or c = 1") == Or(parts=(And(parts=(Not(part=one), two)), three))
    assert parse("a=1 AND (b=1 Or c==1)") == And(parts=(one, Or(parts=(two, three))))


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "a comparison such as loss.min < 0.1 was expected, not the end."),
        ("loss.min", 8, "one of = != < <= > >= : was expected after 'loss.min', not the end."),
        ("loss.min <", 10, "a value was expected after '<', not the end."),
        ("a = 1 b = 2", 6, "'and' or 'or' was expected, not 'b'."),
        ("(a = 1", 6, "')' was expected, not the end: the '(' at character 1 is still open."),
        ("a = 1)", 5, "this ')' closes nothing."),
        ("a = 1 and", 9, "a comparison such as loss.min < 0.1 was expected, not the end."),
        ("name = 'x", 7, "the quote ' is never closed."),
        ("name ! x", 5, "'!' means nothing here. Operators are = != < <= > >= :."),
        ("name = and", 7, "a value was expected after '='; the word 'and' needs quotes."),
        ("not " * 33 + "a = 1", 128, "'not' and parentheses lie in one another at most 32 deep."),
        ("a = 1 or " * 100 + "a = 1", 900, "a filter has at most 100 comparisons."),
        ("a" * 2001, 2000, "the filter has 2001 characters; at most 2000 are allowed."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_where_it_is(text: str, position: int, words: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        parse(text)
    (fault,) = raised.value.faults
    assert (fault.position, fault.message) == (position, f"At character {position + 1}: {words}")
