"""HTTP with the server's conventions: bearer token, JSON in and out, problem+json answers as `ClientError`."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from hessianfree_lab.errors import AnswerLost, ClientError, ConfigurationError, Fault, ServerUnreachable
from hessianfree_lab.records import encode
from hessianfree_lab.records.answers import SERVER_HEADER
from hessianfree_lab.version import __version__

API = "/api/v1"
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
HOME_TIMEOUT = httpx.Timeout(5.0)
AGAIN_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""Pauses before what makes something new is sent again, its answer having been lost: a restart takes so long."""
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.InvalidURL,
    httpx.UnsupportedProtocol,
)
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, kw_only=True)
class Home:
    """The server at which a run was made: `id` tells it from any other, `url` is where it was then."""

    id: str
    url: str


class Connection:
    """A pool of connections to one server; safe to share between threads.

    Every method raises `ServerUnreachable` when no answer comes, `AnswerLost` if the request went out before that, and
    `ClientError` when the answer is an error.
    """

    def __init__(self, url: str = "http://127.0.0.1:8765", token: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"User-Agent": f"hessianfree-lab/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # A proxy of the environment has no way to this machine's loopback.
        try:
            is_local = urlsplit(self.url).hostname in LOOPBACK_HOSTS
        except ValueError as error:
            message = f"{url!r} is not the address of a server; one looks like 'http://127.0.0.1:8765'."
            raise ConfigurationError(message) from error
        self._http = httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=not is_local)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """JSON of `GET /api/v1{path}`; parameters that are None are left out."""
        return self._read(self.request("GET", path, params=given(params)))

    def post(self, path: str, body: BaseModel | Mapping[str, Any] | None = None, **options: Any) -> Any:
        """JSON of `POST /api/v1{path}`, None for an empty answer (204)."""
        response = self.request("POST", path, json_body=body, **options)
        return self._read(response) if response.content else None

    def make(self, path: str, body: BaseModel | Mapping[str, Any], key: str | None) -> Any:
        """JSON of `POST /api/v1{path}`, which makes something new; of one key the server makes one thing.

        With a key it is sent again where its answer is lost.
        """
        if key is None:
            return self.post(path, body)
        headers = {"Idempotency-Key": key}
        try:
            return self.post(path, body, headers=headers)
        except AnswerLost:
            for seconds in AGAIN_SECONDS:
                time.sleep(seconds)
                with suppress(ServerUnreachable):
                    return self.post(path, body, headers=headers)
            raise

    def request(
        self,
        method: str,
        path: str,
        *,
        json_body: BaseModel | Mapping[str, Any] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """One request below /api/v1; an answer other than success, also a redirection, is raised."""
        if isinstance(json_body, BaseModel):
            options["content"] = json_body.model_dump_json()
            headers = {"Content-Type": "application/json", **(headers or {})}
        elif json_body is not None:
            options["json"] = encode(dict(json_body))
        try:
            response = self._http.request(
                method, f"{self.url}{API}{path}", timeout=timeout, headers=headers, **options
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise unreachable(self.url, error) from error
        if not response.is_success:
            raise error_of(response)
        return response

    def _read(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            detail = f"What answers at {self.url} is no HessianFree Lab server."
            told = response.headers.get(SERVER_HEADER)
            raise ClientError(response.status_code, "Not JSON", detail, server=told) from None

    def home(self) -> Home | None:
        """Which server answers here, now; None: it does not say, so that it is none of ours, or an earlier version."""
        try:
            answer = self._http.get(f"{self.url}/healthz", timeout=HOME_TIMEOUT)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise unreachable(self.url, error) from error
        told = answer.headers.get(SERVER_HEADER)
        return None if told is None else Home(id=told, url=self.url)

    def answers(self, path: str) -> bool:
        """Whether `GET {path}` at the root of the server answers with success."""
        answer = self.probe(path)
        return answer is not None and answer.is_success

    def probe(self, path: str) -> httpx.Response | None:
        """What `GET {path}` at the root of the server answers; None: no server does."""
        try:
            return self._http.get(f"{self.url}{path}")
        except (httpx.TransportError, httpx.InvalidURL):
            return None


def given(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that are not None, lists comma separated."""
    return {
        name: ",".join(map(str, value)) if isinstance(value, list | tuple) else value
        for name, value in params.items()
        if value is not None
    }


def unreachable(url: str, error: Exception) -> ServerUnreachable:
    """The error for a request that got no answer."""
    reason = str(error).strip().rstrip(".") or type(error).__name__
    return (ServerUnreachable if isinstance(error, _NEVER_SENT) else AnswerLost)(url, reason)


def error_of(response: httpx.Response) -> ClientError:
    """The error that an answer describes; its body must have been read."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"detail": response.text[:500]}
    faults = [
        Fault(str(fault.get("path", "")), str(fault.get("message", "")))
        for fault in problem.get("errors") or ()
        if isinstance(fault, dict)
    ]
    title = str(problem.get("title") or response.reason_phrase or f"HTTP {response.status_code}")
    detail = str(problem.get("detail") or "")
    told = response.headers.get(SERVER_HEADER)
    return ClientError(response.status_code, title, detail, faults, problem.get("state"), told)
