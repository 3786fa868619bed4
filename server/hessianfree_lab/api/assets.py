"""What browsers load: the dashboard's files, and plotly.js as the plotly package ships it; nothing from outside."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

PLOTLY_URL = f"/static/plotly-{version('plotly')}.min.js"

router = APIRouter(include_in_schema=False)


class FreshFiles(StaticFiles):
    """Files that browsers keep, but ask about each time: after an upgrade no page mixes old modules with new ones."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "no-cache"
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
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
