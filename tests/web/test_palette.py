"""Colours of runs."""

from hypothesis import given
from hypothesis import strategies as st

from hessianfree_lab.figures import palette
from hessianfree_lab.records.runs import PALETTE

owned = st.lists(st.integers(0, PALETTE - 1), max_size=100)


def test_runs_get_as_many_numbers_as_there_are_looks() -> None:
    assert palette.LOOKS == PALETTE
    assert len({(palette.colour(number), palette.dash(number)) for number in range(PALETTE)}) == PALETTE


def test_a_run_keeps_its_colour_unless_an_earlier_one_has_it() -> None:
    assert palette.assign([3, 8, 3, 4, 31, 31]) == [3, 8, 4, 5, 31, 0]


@given(owned)
def test_no_two_runs_of_the_first_thirty_two_look_alike(colours: list[int]) -> None:
    given_numbers = palette.assign(colours)
    for first in range(0, len(colours), palette.LOOKS):
        block = given_numbers[first : first + palette.LOOKS]
        assert len(set(block)) == len(block)


@given(owned, st.integers(0, PALETTE - 1))
def test_a_run_that_is_added_changes_nobody_elses_colour(colours: list[int], another: int) -> None:
    assert palette.assign([*colours, another])[:-1] == palette.assign(colours)
