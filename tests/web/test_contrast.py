"""The tokens of both themes against WCAG 2.2 AA: 4.5 to 1 for text, 3 to 1 for what a figure draws."""

import re
from collections.abc import Iterator

import pytest

from hessianfree_web import STATIC

SHEETS = ("tokens", "dark")
TINT = 0.09  # of the text's own colour, behind a badge
SURFACES = ("bg", "surface", "surface-raised", "inset", "hover", "selected")
STATES = ("queued", "running", "paused", "completed", "failed", "cancelled", "stale", "stopping")

Colour = tuple[float, ...]


def themes() -> Iterator[tuple[str, dict[str, Colour]]]:
    """Both themes: the dark one redefines names of the light one."""
    sheets = [(STATIC / "css" / f"{name}.css").read_text(encoding="utf-8") for name in SHEETS]
    named = [
        {
            name: tuple(int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
            for name, digits in re.findall(r"--([\w-]+):\s*#([0-9a-f]{6})\b", text)
        }
        for text in sheets
    ]
    yield "light", named[0]
    yield "dark", named[0] | named[1]


def luminance(colour: Colour) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(colour: Colour, behind: Colour, share: float) -> Colour:
    return tuple(share * a + (1 - share) * b for a, b in zip(colour, behind, strict=True))


@pytest.fixture(params=themes(), ids=lambda theme: theme[0])
def theme(request: pytest.FixtureRequest) -> dict[str, Colour]:
    found: dict[str, Colour] = request.param[1]
    return found


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("text", ["text-1", "text-2", "text-3", "accent", "danger"])
def test_text_can_be_read_on_every_surface(theme: dict[str, Colour], text: str, surface: str) -> None:
    assert contrast(theme[text], theme[surface]) >= 4.5


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("surface", ["surface", "hover", "selected"])
def test_badges_can_be_read_on_their_tint(theme: dict[str, Colour], state: str, surface: str) -> None:
    colour = theme[f"state-{state}"]
    assert contrast(colour, mixed(colour, theme[surface], TINT)) >= 4.5


@pytest.mark.parametrize(
    "button", ["accent-solid", "accent-solid-hover", "danger-solid", "danger-solid-hover"]
)
def test_buttons_can_be_read(theme: dict[str, Colour], button: str) -> None:
    assert contrast(theme["on-accent"], theme[button]) >= 4.5


@pytest.mark.parametrize("number", range(8))
def test_curves_stand_out_from_the_paper(theme: dict[str, Colour], number: int) -> None:
    assert contrast(theme[f"series-{number}"], theme["surface"]) >= 3


def test_notices_can_be_read(theme: dict[str, Colour]) -> None:
    assert contrast(theme["text-1"], theme["notice-tint"]) >= 4.5
    assert contrast(theme["danger"], theme["danger-tint"]) >= 4.5
