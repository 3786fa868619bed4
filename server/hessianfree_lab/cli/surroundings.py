"""What an installation stands on, as `hessianfree doctor` looks at it: disk, database, storage, server."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hessianfree_lab.variables import SERVER, TOKEN
from hessianfree_lab.version import __version__

if TYPE_CHECKING:
    from hessianfree_lab.client import Client
    from hessianfree_lab.errors import ClientError
    from hessianfree_lab.settings import Settings

GOOD, NOTE, BAD = "ok", "note", "WRONG"
Finding = tuple[str, str]

TOO_LITTLE_BYTES = 100 * 2**20  # a database and its log grow by that within minutes of training
LITTLE_BYTES = 2 * 2**30  # a checkpoint of a large model may have as much
CLOCK_SECONDS = 2.0  # the server tells its time in whole seconds


def data_directory(path: Path) -> Finding:
    return disk(path, f"The data directory {path}", option="--data-dir")


def disk(path: Path, name: str, *, option: str) -> Finding:
    """Asked of what is there already: a doctor leaves no directories behind."""
    place = path.resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    another = f"or name another with {option}"
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        return BAD, f"{name} cannot be written: {place}: {reason}. Give this user the right to, {another}."
    verb = "written" if place == path.resolve() else "made"
    return room(shutil.disk_usage(place).free, f"{name} can be {verb}", another)


def room(free: int, sentence: str, another: str) -> Finding:
    """Whether so many bytes will do."""
    sentence = f"{sentence}; {_size(free)} are free on its disk."
    if free < TOO_LITTLE_BYTES:
        return BAD, f"{sentence} That is too little to record a run: make room, {another}."
    if free < LITTLE_BYTES:
        return (
            NOTE,
            f"{sentence} That is little: checkpoints of a large model may take more. Make room, {another}.",
        )
    return GOOD, sentence


def database(settings: "Settings") -> Finding:
    """Its schema, without making or changing anything."""
    from hessianfree_lab.errors import LabError
    from hessianfree_lab.store.backup import path_of
    from hessianfree_lab.store.engine import make_engine
    from hessianfree_lab.store.migrate import is_current

    url = settings.url_of_database
    if url.startswith("sqlite") and not path_of(url).exists():
        if not path_of(url).parent.is_dir() and settings.database_url is not None:
            return (
                BAD,
                f"The database's folder {path_of(url).parent} is not there: make it, or name another database.",
            )
        return GOOD, f"There is no database at {path_of(url)} yet; the server makes it."
    try:
        engine = make_engine(url, changes=False)
        try:
            is_of_this_version = is_current(engine)
        finally:
            engine.dispose()
    except LabError as error:
        return BAD, str(error)
    shown = engine.url.render_as_string(hide_password=True)
    if not is_of_this_version:
        return (
            NOTE,
            f"The database {shown} is of an older version: the next start of the server upgrades it. Make a backup "
            "before: hessianfree db backup.",
        )
    return GOOD, f"The database {shown} has the schema of this version."


def shared_storage(storage: str) -> Finding:
    """Whether a file can be put there, read and removed."""
    from hessianfree_lab.errors import ConfigurationError
    from hessianfree_lab.storage.location import is_url
    from hessianfree_lab.storage.objects import Objects

    if not is_url(storage):
        return disk(Path(storage), f"The storage {storage}", option="--storage")
    content, home = secrets.token_bytes(16), f"doctor-{secrets.token_hex(8)}"
    key = f"{home}/file"
    try:
        with tempfile.TemporaryDirectory() as folder:
            there, back = Path(folder) / "there", Path(folder) / "back"
            there.write_bytes(content)
            objects = Objects(storage)
            objects.put(there, key)
            objects.fetch(key, back)
            listed = [stored.key for stored in objects.listing(home)]
            objects.remove(key)
            if (listed, back.read_bytes()) != ([key], content):
                return BAD, f"The storage {storage} shows something else than was put there: name another."
    except ConfigurationError as error:
        return BAD, f"The storage {storage} cannot be used: {error}"
    except OSError as error:
        return (
            BAD,
            f"The storage {storage} cannot be used: {error} It must let this machine put, list, read and remove "
            "files: look at its address, and at the access that the environment names (docs/operations.md).",
        )
    return GOOD, f"The storage {storage} takes files and gives them back."


def reachable(server: str | None, token: str | None, token_file: Path | None) -> Iterator[Finding]:
    """The server, its version, how it is, whether it takes the token, and how far its clock is from this one."""
    from hessianfree_lab.cli.configuration import connect
    from hessianfree_lab.errors import ClientError, ConfigurationError, ServerUnreachable

    try:
        client = connect(server, token, token_file)
    except ConfigurationError as error:
        yield BAD, str(error)
        return
    with client:
        try:
            is_ours = client.home() is not None
        except ServerUnreachable as error:
            was_named = bool(server or os.environ.get(SERVER))
            yield (
                BAD if was_named else NOTE,
                f"{error} Start one (hessianfree up), or say where it is: --server URL.",
            )
            return
        if not is_ours:
            yield (
                BAD,
                f"What answers at {client.url} is no HessianFree Lab server: say where it is with --server URL.",
            )
            return
        try:
            workers = [worker.name for worker in client.workers() if worker.state != "gone"]
        except ClientError as error:
            yield _refused(client, error)
        else:
            yield GOOD, f"The server at {client.url} answers; workers: {', '.join(workers) or 'none'}."
        yield from _state(client)


def _refused(client: "Client", error: "ClientError") -> Finding:
    match error.status:
        case 403:  # of a token that it knows, such as a worker's
            return GOOD, f"The server at {client.url} answers, and knows the token. {error}"
        case 401:
            return (
                BAD,
                f"The server at {client.url} does not take the token. Name the right one with --token-file, --token or "
                f"{TOKEN}; its owner makes one with: hessianfree tokens create NAME --role worker.",
            )
        case status:
            return BAD, f"The server at {client.url} answers {status}: {error} Its log says more."


def _state(client: "Client") -> Iterator[Finding]:
    from hessianfree_lab.client.connection import error_of

    ready, health = client.probe("/readyz"), client.probe("/healthz")
    if ready is not None and not ready.is_success:
        yield BAD, f"The server is not ready: {error_of(ready)} Its own machine's doctor may say why."
    if health is None or not health.is_success:
        return
    if (its := health.json()["version"]) != __version__:
        yield (
            NOTE,
            f"The server has version {its}; this is {__version__}: upgrade the older one, the server first.",
        )
    if "Date" not in health.headers:  # a proxy may have dropped it
        return
    ahead = (datetime.now(UTC) - parsedate_to_datetime(health.headers["Date"])).total_seconds()
    if abs(ahead) > CLOCK_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        yield (
            NOTE,
            f"This machine's clock is {abs(ahead):.0f} s {side} the server's, and so are the times of its steps: let "
            "both follow a time server.",
        )
    else:
        yield GOOD, "This machine's clock agrees with the server's."


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
