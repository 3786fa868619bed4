"""Copies of a SQLite database: made while a server writes, and put in its place while none does."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from hessianfree_lab.errors import ConfigurationError
from hessianfree_lab.store.migrate import known_revisions

_SIDE_FILES = ("-wal", "-shm")


def path_of(url: str) -> Path:
    """The file at a SQLite URL; `ConfigurationError` for any other database, with what to use there."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        shown = parsed.render_as_string(hide_password=True)
        message = f"{shown} is not a SQLite file: use its own tools, such as pg_dump and pg_restore."
        raise ConfigurationError(message)
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("A database in memory cannot be copied: it is gone with its server.")
    return Path(str(parsed.database))


def back_up(url: str, target: Path) -> Path:
    """Copy the database as it is at one moment to a new file; servers may go on writing. Where it is now.

    `target`: the file, or a directory for one that is named after the moment. The file is there once it is whole.
    """
    source = path_of(url)
    if not source.is_file():
        raise ConfigurationError(f"There is no database at {source}.")
    if target.is_dir():
        target = target / f"hessianfree-{datetime.now(UTC):%Y%m%d-%H%M%S}.sqlite"
    if target.exists():
        raise ConfigurationError(f"{target} is there already: name a new file.")
    with _said(f"The backup {target} cannot be made"), _draft(target) as draft:
        _copy(source, draft)
        if faults := faults_of(draft):
            raise ConfigurationError(f"{source} is damaged, and so would be its copy: {faults[0]}.")
    return target


def restore(url: str, source: Path) -> Path | None:
    """Put a copy of `source` in the database's place, with no server running. Where the old one is now; None: none was.

    `ConfigurationError`, with nothing changed, when `source` is damaged, is no database of HessianFree Lab, or was
    written by a newer version.
    """
    target = path_of(url)
    if not source.is_file():
        raise ConfigurationError(f"There is no backup at {source}.")
    if faults := faults_of(source):
        raise ConfigurationError(f"{source} cannot be restored: {faults[0]}.")
    with _said(f"{source} cannot be restored to {target}"), _draft(target) as draft:
        _copy(source, draft)
        return _set_aside(target)


def faults_of(path: Path) -> list[str]:
    """What is wrong with a database file, in phrases; nothing: it is whole, and of a version known here."""
    try:
        with closing(_open(path)) as connection:
            if (check := [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]) != ["ok"]:
                return check
            if orphans := connection.execute("PRAGMA foreign_key_check").fetchall():
                return [f"{len(orphans)} rows belong to rows that are not there"]
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as error:
        return [f"it is no database of HessianFree Lab ({error})"]
    if revision is None or revision[0] not in known_revisions():
        shown = revision[0] if revision else None
        return [f"its revision {shown!r} is not known to this version of HessianFree Lab"]
    return []


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)


def _copy(source: Path, draft: Path) -> None:
    with closing(_open(source)) as here, closing(sqlite3.connect(draft)) as there:
        here.backup(
            there
        )  # in one transaction: a copy in several steps starts again whenever somebody writes
        there.execute("PRAGMA journal_mode = DELETE")  # one file, whole by itself


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its name, on the disk, when it is done."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        yield draft
        _flush(draft)
        draft.replace(target)
        _flush(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _set_aside(target: Path) -> Path | None:
    """Keep the database under another name too; what stands in its log is in the file then."""
    if not target.exists():
        return None
    aside = target.with_name(f"{target.name}.before-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    try:
        with closing(sqlite3.connect(target)) as connection:  # the last one to close writes the log back
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        pass  # too damaged for it: its log is kept beside it
    for suffix in _SIDE_FILES:  # they would be taken for the new one's
        if (left := Path(f"{target}{suffix}")).exists():
            left.rename(f"{aside}{suffix}")
    os.link(target, aside)  # not renamed: there is never a moment without a database
    return aside


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _said(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise ConfigurationError(f"{what}: {reason}.") from error
