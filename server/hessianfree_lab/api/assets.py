"""plotly.js as the plotly package ships it: nothing is fetched from outside, nothing is vendored."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

PLOTLY_URL = f"/static/plotly-{version('plotly')}.min.js"

router = APIRouter(include_in_schema=False)


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
