"""What the server puts around every page."""

import re

import httpx
import pytest

from hessianfree_web import STATIC, TEMPLATES

PRELOADED = re.compile(r'<link rel="modulepreload" href="/static/=\w+/([^"]+)">')
DARK = re.compile(r'<link rel="stylesheet" href="/static/=\w+/css/dark.css" media="([^"]+)"')


def test_a_page_names_all_modules_so_that_they_come_together(browse: httpx.Client) -> None:
    modules = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*.js")} - {"report/report.js"}
    assert set(PRELOADED.findall(browse.get("/").text)) == modules


def test_every_sheet_that_a_page_names_is_there_and_the_other_way_round(browse: httpx.Client) -> None:
    sheets = {path.stem for path in (STATIC / "css").glob("*.css")} - {"report"}
    templates = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html"))
    named = re.findall(r'href="/static/=\w+/css/([\w-]+)\.css"', browse.get("/").text)
    assert {*named, *re.findall(r'asset\("css/([\w-]+)\.css"\)', templates)} == sheets


@pytest.mark.parametrize(
    ("cookie", "theme", "media"),
    [
        ("dark", "dark", "all"),
        ("light", "light", "not all"),
        ("", None, "(prefers-color-scheme: dark)"),
        ('"><script>', None, "(prefers-color-scheme: dark)"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/nothing-there"])
def test_a_page_comes_in_the_theme_that_was_chosen(
    browse: httpx.Client, path: str, cookie: str, theme: str | None, media: str
) -> None:
    text = browse.get(path, headers={"Cookie": f"hessianfree_theme={cookie}"}).text
    assert DARK.findall(text) == [media]
    assert re.findall(r'<html [^>]*data-theme="(\w+)"', text) == ([theme] if theme else [])
    assert f'<meta name="color-scheme" content="{theme or "light dark"}">' in text
