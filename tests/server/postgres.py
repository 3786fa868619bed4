"""A PostgreSQL of the tests' own: started once, on a socket in a temporary directory, gone afterwards."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

_START_SECONDS = 60
_SETTINGS = {
    "listen_addresses": "",
    # What is lost with the machine is not missed.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "Asia/Kathmandu",  # whoever takes the server's zone for UTC is found out
}


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A running cluster; whoever asks gets an empty database."""

    directory: Path
    user: str
    log: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_database(self) -> str:
        """The SQLAlchemy URL of a database with no tables in it."""
        name = f"lab_{next(self._numbers)}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            # A language's order of names differs from SQLite's: who relies on one of them is found out.
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
            )
        return f"postgresql+psycopg://{self.user}@/{name}?host={self.directory}"

    def make_database(self, name: str) -> None:
        """One with a name of its own, as PostgreSQL's image makes it."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")

    def conninfo(self, database: str) -> str:
        return f"host={self.directory} user={self.user} dbname={database}"


@contextmanager
def running_postgres(
    *, within: Sequence[str] = (), role: str | None = None, password: Path | None = None
) -> Iterator[Postgres]:
    """`AssertionError` in a sentence where there is no PostgreSQL: tests of it are never left out unasked.

    With a file with a `password` it listens on every address of where the words `within` start a command, for whoever
    knows it; without, on its socket alone, for everybody.
    """
    programs = _programs()
    user = _unprivileged()
    name = role or (user.pw_name if user else pwd.getpwuid(os.getuid()).pw_name)
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    # Not under pytest's directory: the path of a socket has a limit, and another user has to get there.
    directory = Path(tempfile.mkdtemp(prefix="hf-pg-"))
    data, log = directory / "data", directory / "log"
    try:
        if user:
            os.chown(directory, user.pw_uid, user.pw_gid)
        log.touch()
        options = ["--no-sync", "--auth=trust", "--encoding=UTF8", f"--username={name}"]
        if password:
            options.append(f"--pwfile={password}")
        made = subprocess.run(
            [programs / "initdb", *options, "--pgdata", data],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            **who,
        )
        assert made.returncode == 0, f"initdb failed: {made.stderr}"
        settings = [f"--{key}={value}" for key, value in _SETTINGS.items()]
        if password:
            settings.append("--listen_addresses=*")
            with (data / "pg_hba.conf").open("a") as rules:
                rules.write("host all all all scram-sha-256\n")
        with log.open("w") as output:
            server = subprocess.Popen(
                [*within, *_becoming(user), programs / "postgres", "-D", data, "-k", directory, *settings],
                cwd=directory,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        cluster = Postgres(directory=directory, user=name, log=log)
        try:
            _wait(cluster, server)
            yield cluster
        finally:
            server.send_signal(signal.SIGINT)  # "fast shutdown": clients are cut off, not waited for
            server.wait(30)
    finally:
        shutil.rmtree(directory)


def _programs() -> Path:
    """Debian keeps them out of PATH, the newest version's where the highest number is."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    in_path = shutil.which("initdb")
    programs = [Path(in_path).resolve(), *found] if in_path else found
    assert programs, "These tests need PostgreSQL. On Debian: sudo apt-get install postgresql"
    return programs[0].parent


def _unprivileged() -> pwd.struct_passwd | None:
    """Somebody to be in place of root, as whom PostgreSQL refuses to run; None: we are somebody already."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _becoming(user: pwd.struct_passwd | None) -> list[str]:
    """The words that start a command as this user, after others that need root."""
    if user is None:
        return []
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _wait(cluster: Postgres, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(cluster):
        assert server.poll() is None, f"PostgreSQL ended: {cluster.log.read_text()}"
        assert time.monotonic() < deadline, f"PostgreSQL does not answer: {cluster.log.read_text()}"
        time.sleep(0.05)


def _answers(cluster: Postgres) -> bool:
    try:
        psycopg.connect(cluster.conninfo("postgres")).close()
    except psycopg.OperationalError:
        return False
    return True
