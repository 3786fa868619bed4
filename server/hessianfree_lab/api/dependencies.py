"""What routers ask for: everything that `create_app` has put into the application's state."""

from typing import Annotated

from fastapi import Depends, Request

from hessianfree_lab.api.auth import Authenticator
from hessianfree_lab.api.broadcast import Broadcaster
from hessianfree_lab.api.identity import Identity
from hessianfree_lab.api.looks import Looks
from hessianfree_lab.api.meters import Meters
from hessianfree_lab.api.reminders import Reminders
from hessianfree_lab.artifacts.interface import Artifacts
from hessianfree_lab.settings import Settings
from hessianfree_lab.store.interface import Store


async def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def _broadcaster(request: Request) -> Broadcaster:
    broadcaster: Broadcaster = request.app.state.broadcaster
    return broadcaster


async def _looks(request: Request) -> Looks:
    looks: Looks = request.app.state.looks
    return looks


async def _meters(request: Request) -> Meters:
    meters: Meters = request.app.state.meters
    return meters


async def _reminders(request: Request) -> Reminders:
    reminders: Reminders = request.app.state.reminders
    return reminders


async def _identity(request: Request) -> Identity:
    identity: Identity = request.state.identity
    return identity


async def _requester(identity: Annotated[Identity, Depends(_identity)]) -> str | None:
    return identity.name


async def _artifacts(request: Request) -> Artifacts:
    artifacts: Artifacts = request.app.state.artifacts
    return artifacts


async def _authenticator(request: Request) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


# Async all of them: nothing blocks, and a thread for each would cost more than the call.
LooksDep = Annotated[Looks, Depends(_looks)]
StoreDep = Annotated[Store, Depends(_store)]
RequesterDep = Annotated[str | None, Depends(_requester)]
"""The name of the token that the request showed; None: the server is open."""
SettingsDep = Annotated[Settings, Depends(_settings)]
BroadcasterDep = Annotated[Broadcaster, Depends(_broadcaster)]
MetersDep = Annotated[Meters, Depends(_meters)]
IdentityDep = Annotated[Identity, Depends(_identity)]
ArtifactsDep = Annotated[Artifacts, Depends(_artifacts)]
AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]
RemindersDep = Annotated[Reminders, Depends(_reminders)]
