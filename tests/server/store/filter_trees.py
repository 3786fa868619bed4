"""Trees of filters, grown at random from given comparisons."""

from hypothesis import strategies as st

from hessianfree_lab.store.filters import And, Node, Not, Or


def grown(leaves: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = lambda parts: st.lists(parts, min_size=2, max_size=3).map(tuple)  # noqa: E731
    return st.recursive(
        leaves,
        lambda parts: st.one_of(
            st.builds(Not, part=parts),
            st.builds(And, parts=several(parts)),
            st.builds(Or, parts=several(parts)),
        ),
        max_leaves=6,
    )
