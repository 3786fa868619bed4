"""Habits that hold for every file."""

import re

CODE = (".py", ".js", ".css", ".html", ".sh")
MOST_LINES = 300
# Longer files, each with the reason why cutting it would make it harder to read.
REASONS: dict[str, str] = {}

# A path that exists on one machine only has no business in the repository.
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(?:work|root|home|Users|mnt)/\w")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")


def test_files_are_short_or_say_why(committed_texts: dict[str, str]) -> None:
    long = {
        name: text.count("\n")
        for name, text in committed_texts.items()
        if name.endswith(CODE) and text.count("\n") > MOST_LINES
    }
    assert not long.keys() - REASONS.keys(), long


def test_no_reason_outlives_its_file(committed_texts: dict[str, str]) -> None:
    needed = {name for name, text in committed_texts.items() if text.count("\n") > MOST_LINES}
    assert REASONS.keys() <= needed


def test_no_text_names_a_path_of_one_machine(committed_texts: dict[str, str]) -> None:
    found = {
        name: match.group() for name, text in committed_texts.items() if (match := MACHINE_PATH.search(text))
    }
    assert not found


def test_nothing_is_left_unfinished(committed_texts: dict[str, str]) -> None:
    own_rule = "tests/architecture/test_house.py"
    found = [name for name, text in committed_texts.items() if UNFINISHED.search(text) and name != own_rule]
    assert not found


def test_text_files_end_with_a_newline(committed_texts: dict[str, str]) -> None:
    assert not [name for name, text in committed_texts.items() if text and not text.endswith("\n")]
