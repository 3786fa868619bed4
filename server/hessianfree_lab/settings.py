"""Settings of the server: keywords (flags), then `HESSIANFREE_*` variables, then these defaults."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hessianfree_lab.logs import LogFormat
from hessianfree_lab.storage.location import normalized
from hessianfree_lab.variables import PREFIX


class Settings(BaseSettings):
    """Read once, when the server starts."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    data_dir: Path = Field(Path("hessianfree-data"), description="Where the database and artifacts live.")
    database_url: str | None = Field(
        None, description="Any SQLAlchemy URL; None: hessianfree.sqlite in data_dir."
    )
    storage: str | None = Field(
        None,
        description="Where files of runs are kept, checkpoints too: a folder that all share, or a URL; None: data_dir.",
    )
    keep_checkpoints: int = Field(2, ge=1, description="Checkpoints of a run that are kept: the newest ones.")
    keep_days: float = Field(
        7.0, ge=0, description="Days that checkpoints of ended runs, and files of unknown runs, are kept."
    )
    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback needs a token.")
    port: int = Field(8765, ge=0, le=65535, description="0: any free port.")
    token: SecretStr | None = Field(None, description="Whoever speaks to the server must show it.")
    allowed_hosts: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None,
        description="Names this server answers to, beside those of this machine; None: see `answers_to`.",
    )
    heartbeat_seconds: float = Field(5.0, gt=0, description="How often a worker is to show that it lives.")
    lease_seconds: float = Field(20.0, gt=0, description="An attempt unheard of for this long is lost.")
    max_body_bytes: int = Field(1024 * 1024, ge=1024, description="Larger request bodies are refused.")

    max_artifact_bytes: int = Field(256 * 1024 * 1024, ge=1, description="Larger files of a run are refused.")
    max_artifacts_bytes: int = Field(
        2 * 1024**3, ge=1, description="All files of a run together are no larger."
    )
    max_artifacts: int = Field(1000, ge=1, description="Files that a run may have.")
    login_attempts: int = Field(
        10, ge=1, description="Wrong tokens a client may try at the sign-in in a minute."
    )
    streams_a_client: int = Field(200, ge=1, description="Event streams that one address may have open.")
    streams_in_all: int = Field(1000, ge=1, description="Event streams that may be open in all.")
    stalled_seconds: float = Field(
        20.0, gt=0, description="A connection whose client takes nothing of its answer for this long is cut."
    )
    max_log_lines: int = Field(
        100_000, ge=1, description="Log lines kept of an attempt; one more says that the rest is missing."
    )

    log_format: LogFormat = Field("text", description="`json`: a line of JSON each, which names the run.")

    @property
    def url_of_database(self) -> str:
        """`database_url`, or that of the SQLite file in `data_dir`."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'hessianfree.sqlite').resolve()}"

    @property
    def secret(self) -> str | None:
        """The token in the clear; None: the server asks for none."""
        return self.token.get_secret_value() if self.token and self.token.get_secret_value() else None

    @field_validator("storage")
    @classmethod
    def _from_location(cls, value: str | None) -> str | None:
        return None if value is None else normalized(value)

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name for part in value.split(",") if (name := part.strip().lower()))
        return value

    @property
    def answers_to(self) -> frozenset[str] | None:
        """The names in the Host header that are answered, beside those of this machine; None: all.

        Beyond loopback there is a token, and a page that points a name of its own at this server has no cookie for that
        name: all names will do, unless a setting says which.
        """
        if self.allowed_hosts is not None:
            return frozenset(self.allowed_hosts)
        return frozenset({self.host}) if self.is_loopback else None

    @property
    def is_loopback(self) -> bool:
        """Whether `host` can be reached from this machine alone."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address stands for this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
