"""Is it alive, is it ready, how is it doing."""

import logging

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from hessianfree_lab.api.dependencies import MetersDep, StoreDep
from hessianfree_lab.api.errors import problem
from hessianfree_lab.api.meters import Meters
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.records.answers import Health
from hessianfree_lab.version import __version__

logger = logging.getLogger(__name__)

router = APIRouter(tags=["health"])


@router.get("/healthz", response_model=Health)
async def healthz() -> WireResponse:
    """The process lives."""
    return WireResponse({"status": "ok", "version": __version__})


@router.get("/readyz", response_model=Health)
def readyz(store: StoreDep) -> WireResponse:
    """Something can be written to the database; 503 while nothing can."""
    try:
        store.ping()
    except DatabaseUnavailable as error:
        logger.warning("Not ready: %s", error)
        return problem(503, str(error))
    return WireResponse({"status": "ready", "version": __version__})


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(meters: MetersDep) -> Response:
    """For Prometheus."""
    return Response(meters.text(), media_type=Meters.CONTENT_TYPE)
