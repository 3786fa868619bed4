"""Speaking with a server over HTTP: `Client` for everything, `track` to record a run from one's own script."""

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.events import Event
from hessianfree_lab.client.track import TrackedRun, track
from hessianfree_lab.errors import ClientError, ServerUnreachable

__all__ = ["Client", "ClientError", "Event", "ServerUnreachable", "TrackedRun", "track"]
