"""What browsers load: the dashboard's files, and plotly.js as the plotly package ships it; nothing from outside."""

import os
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

from hessianfree_web import STATIC

PLOTLY_URL = f"/static/plotly-{version('plotly')}.min.js"
FOR_GOOD = "public, max-age=31536000, immutable"

router = APIRouter(include_in_schema=False)


@cache
def stamp() -> str:
    """What stands in their addresses: another one whenever any of the dashboard's files is another."""
    digest = sha256()
    for path in sorted(path for path in STATIC.rglob("*") if path.is_file()):
        digest.update(path.relative_to(STATIC).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"={digest.hexdigest()[:12]}"


def asset(path: str) -> str:
    """The address of a file below static/, as pages name it. Modules import each other by relative paths, so that all
    of a page come from below one stamp: no page mixes old ones with new ones."""
    return f"/static/{stamp()}/{path}"


class DashboardFiles(StaticFiles):
    """The dashboard's files: kept for good by browsers under this version's stamp, asked about each time without."""

    def get_path(self, scope: Scope) -> str:
        first, slash, rest = super().get_path(scope).partition(os.sep)
        return rest if slash and first.startswith("=") else first + slash + rest

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        is_stamped = super().get_path(scope).startswith(stamp() + os.sep)
        response.headers["Cache-Control"] = FOR_GOOD if is_stamped else "no-cache"
        return response


def plotly_file() -> Path:
    """Where the package keeps plotly.min.js. Found without importing plotly, which takes its time."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"


@router.get(PLOTLY_URL)
def plotly() -> FileResponse:
    """The version is in the address, so a browser may keep it for good."""
    return FileResponse(
        plotly_file(),
        media_type="text/javascript",
        headers={"Cache-Control": FOR_GOOD},
    )
