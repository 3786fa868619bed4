"""The composition root: the one place where settings, store, routers and middleware meet."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI

from hessianfree_lab.api import (
    artifacts,
    assets,
    description,
    errors,
    events,
    exports,
    figures,
    health,
    jobs,
    metrics,
    pages,
    policy,
    runs,
    tokens,
    workers,
)
from hessianfree_lab.api.auth import Authenticator
from hessianfree_lab.api.body_limit import BodyLimit
from hessianfree_lab.api.broadcast import Broadcaster
from hessianfree_lab.api.gate import Gate
from hessianfree_lab.api.guard import Guard
from hessianfree_lab.api.login_limit import LoginLimit
from hessianfree_lab.api.looks import Looks
from hessianfree_lab.api.meters import Meters
from hessianfree_lab.api.reminders import Reminders
from hessianfree_lab.api.stream_limit import StreamLimit
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.artifacts import ArtifactFolders
from hessianfree_lab.reaper import Reaper
from hessianfree_lab.settings import Settings
from hessianfree_lab.store.interface import Store
from hessianfree_lab.version import __version__
from hessianfree_web import STATIC

API = "/api/v1"


def create_app(settings: Settings, store: Store) -> FastAPI:
    """The application on a store that is open. While it runs, leases are watched; the store is the caller's to close.

    `app.state.broadcaster.close()` ends event streams and long polls, from any thread.
    """
    broadcaster = Broadcaster()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        broadcaster.bind(asyncio.get_running_loop())
        app.state.artifacts.discard_drafts()
        reaping = asyncio.create_task(Reaper(store, lease_seconds=settings.lease_seconds).run())
        try:
            yield
        finally:
            broadcaster.close()
            broadcaster.unbind()
            reaping.cancel()
            with suppress(asyncio.CancelledError):
                await reaping

    app = FastAPI(
        title="HessianFree Lab",
        version=__version__,
        lifespan=lifespan,
        default_response_class=WireResponse,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.store = store
    app.state.artifacts = ArtifactFolders(
        root=settings.data_dir / "artifacts",
        max_bytes=settings.max_artifact_bytes,
        max_run_bytes=settings.max_artifacts_bytes,
        max_files=settings.max_artifacts,
    )
    app.state.login_limit = LoginLimit(settings.login_attempts)
    app.state.stream_limit = StreamLimit(a_client=settings.streams_a_client, in_all=settings.streams_in_all)
    app.state.authenticator = authenticator = Authenticator(settings, store.access)
    app.state.broadcaster = broadcaster
    app.state.looks = Looks(store)
    app.state.meters = Meters(store, broadcaster)
    app.state.reminders = Reminders()
    store.subscribe(broadcaster.publish)

    api = APIRouter(prefix=API)
    for module in (jobs, runs, metrics, exports, events, workers, figures, artifacts, tokens):
        api.include_router(module.router)
    app.include_router(api)
    for module in (health, assets, pages):
        app.include_router(module.router)
    app.mount("/static", assets.FreshFiles(directory=STATIC), name="static")

    errors.install(app, pages.error_page)
    description.install(app)
    # What is added last is asked first.
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, unlimited=policy.is_upload)
    app.add_middleware(Gate, authenticator=authenticator, access=store.access)
    app.add_middleware(Guard, settings=settings)
    return app
