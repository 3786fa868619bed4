"""Files of reports: pages with their styles, scripts and figures, that open from a disk without server or network."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pydantic_core import to_json

from hessianfree_lab.api.assets import plotly_file
from hessianfree_lab.api.pages import templates
from hessianfree_web import STATIC

DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_SHEETS = ("base", "tables", "states", "report")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A figure as the file holds it: `json` is what its script draws."""

    title: str
    reading: str
    json: Markup


def plot_of(figure: dict[str, Any], *, title: str, reading: str) -> Plot | None:
    """The figure as the file holds it; None: there is nothing in it to see."""
    if not any(_is_drawn(trace) for trace in figure["data"]):
        return None
    return Plot(title=title, reading=reading, json=_in_script(figure))


def _is_drawn(trace: dict[str, Any]) -> bool:
    return any(trace.get(name) is not None and len(trace[name]) > 0 for name in ("x", "z", "dimensions"))


def _in_script(value: Any) -> Markup:
    """`value` as JSON that cannot end the script element it stands in."""
    text = to_json(value, inf_nan_mode="null").decode()
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # nothing is left in it that HTML would read


def file_of(name: str, template: str, **context: Any) -> Response:
    """The file as a download: shown by this server it would be of this server's origin."""
    scripts = _scripts()
    hashes = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    page = templates.get_template(template).render(
        styles=_styles(),
        scripts=[Markup(text) for text in scripts],
        script_sources=Markup(hashes),
        now=datetime.now(UTC),
        **context,
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}.html"'}
    return HTMLResponse(page, headers=headers)


@cache
def _scripts() -> tuple[str, str]:
    """plotly.js, and the module that draws: the dashboard's rules of themes and times, and what is the file's own."""
    own = ("lib/theme.js", "lib/times.js", "report/report.js")
    paths = (plotly_file(), *(STATIC / name for name in own))
    plotly, *modules = (path.read_text(encoding="utf-8") for path in paths)
    return _closed(plotly), _closed("\n".join(modules))


def _closed(text: str) -> str:
    """A script of ours or plotly's, as it is; it must not end its element."""
    assert "</script" not in text.lower()
    return text


@cache
def _styles() -> Markup:
    light, dark, *rest = (_sheet(name) for name in ("tokens", "dark", *_SHEETS))
    return Markup("\n".join((light, f"@media screen and (prefers-color-scheme: dark) {{\n{dark}}}", *rest)))


def _sheet(name: str) -> str:
    return (STATIC / "css" / f"{name}.css").read_text(encoding="utf-8")
