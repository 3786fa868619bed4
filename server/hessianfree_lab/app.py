"""The composition root: the one place where settings, store, routers and middleware meet."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig

from hessianfree_lab.api import (
    artifacts,
    assets,
    comparisons,
    description,
    errors,
    events,
    exports,
    figures,
    findings,
    health,
    jobs,
    logs,
    metrics,
    pages,
    policy,
    queue,
    reports,
    runs,
    sweep_figures,
    sweep_reports,
    sweeps,
    table,
    table_files,
    tokens,
    views,
    workers,
)
from hessianfree_lab.api.auth import Authenticator
from hessianfree_lab.api.body_limit import BodyLimit
from hessianfree_lab.api.broadcast import Broadcaster
from hessianfree_lab.api.compression import Compression
from hessianfree_lab.api.gate import Gate
from hessianfree_lab.api.guard import Guard
from hessianfree_lab.api.login_limit import LoginLimit
from hessianfree_lab.api.looks import Looks
from hessianfree_lab.api.meters import Meters
from hessianfree_lab.api.reminders import Reminders
from hessianfree_lab.api.stream_limit import StreamLimit
from hessianfree_lab.api.wire_json import WireResponse
from hessianfree_lab.clearance import Clearance
from hessianfree_lab.filing import artifacts_of, keeper_of
from hessianfree_lab.reaper import Reaper
from hessianfree_lab.settings import Settings
from hessianfree_lab.store.interface import REMOVALS, REVOCATIONS, SWEEPS, Store
from hessianfree_lab.sweeps.driver import Driver
from hessianfree_lab.telemetry import is_sent
from hessianfree_lab.version import __version__
from hessianfree_web import STATIC

API = "/api/v1"


def create_app(settings: Settings, store: Store) -> FastAPI:
    """The application on a store that is open; the store is the caller's to close. While it runs, leases are watched,
    sweeps driven and removed runs cleared: of several servers at a database, by one of them.

    `app.state.broadcaster.close()` ends event streams and long polls, from any thread.
    """
    broadcaster = Broadcaster()
    files = artifacts_of(settings)
    keeper = keeper_of(settings, store, files)

    async def duties() -> None:
        with broadcaster.subscribe(SWEEPS) as news, broadcaster.subscribe(REMOVALS) as removals:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reaper.run())
                tasks.create_task(Driver(store).run(news.wait))
                tasks.create_task(Clearance(store, forget=keeper.forget).run(removals.wait))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        broadcaster.bind(asyncio.get_running_loop())
        keeper.start()
        with broadcaster.subscribe(REVOCATIONS) as revocations:
            tasks = [
                asyncio.create_task(store.peers.attend(broadcaster.publish, duties)),
                asyncio.create_task(authenticator.follow_revocations(revocations.wait)),
            ]
            try:
                yield
            finally:
                keeper.stop()
                broadcaster.close()
                broadcaster.unbind()
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    app = FastAPI(
        title="HessianFree Lab",
        version=__version__,
        lifespan=lifespan,
        default_response_class=WireResponse,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        # Where OpenTelemetry's own variables name a collector, and only then.
        telemetry=TelemetryConfig(auto_configure=is_sent(os.environ), exclude=policy.is_unwatched),
    )
    app.state.settings = settings
    app.state.store = store
    app.state.artifacts = files
    app.state.login_limit = LoginLimit(settings.login_attempts)
    app.state.stream_limit = StreamLimit(a_client=settings.streams_a_client, in_all=settings.streams_in_all)
    app.state.authenticator = authenticator = Authenticator(settings, store.access)
    app.state.broadcaster = broadcaster
    app.state.looks = Looks(store)
    app.state.meters = meters = Meters(store, broadcaster, keeper)
    app.state.reminders = Reminders()
    reaper = Reaper(store, lease_seconds=settings.lease_seconds, on_lost=lambda _: meters.lost.inc())
    store.subscribe(broadcaster.publish)

    api = APIRouter(prefix=API)
    for module in (table, table_files, views):
        api.include_router(module.router)  # before those of one run: theirs are words where an id may stand
    for module in (
        jobs,
        queue,
        runs,
        logs,
        metrics,
        exports,
        events,
        workers,
        figures,
        comparisons,
        findings,
        artifacts,
        tokens,
        reports,
        sweeps,
        sweep_figures,
        sweep_reports,
    ):
        api.include_router(module.router)
    app.include_router(api)
    for module in (health, assets, pages):
        app.include_router(module.router)
    app.mount("/static", assets.DashboardFiles(directory=STATIC), name="static")

    errors.install(app, pages.error_page)
    description.install(app)
    # What is added last is asked first.
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, unlimited=policy.is_upload)
    app.add_middleware(Compression)
    app.add_middleware(Gate, authenticator=authenticator, access=store.access)
    app.add_middleware(Guard, settings=settings, server_id=store.server_id)
    return app
