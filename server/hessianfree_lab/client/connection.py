"""HTTP with the server's conventions: bearer token, JSON in and out, problem+json answers as `ClientError`."""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from hessianfree_lab.errors import ClientError, Fault, ServerUnreachable
from hessianfree_lab.records import encode
from hessianfree_lab.version import __version__

API = "/api/v1"
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")


class Connection:
    """A pool of connections to one server; safe to share between threads.

    Every method raises `ServerUnreachable` when no answer comes, `ClientError` when the answer is an error.
    """

    def __init__(self, url: str = "http://127.0.0.1:8765", token: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"User-Agent": f"hessianfree-lab/{__version__}"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        # A proxy of the environment has no way to this machine's loopback.
        is_local = urlsplit(self.url).hostname in LOOPBACK_HOSTS
        self._http = httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=not is_local)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **params: Any) -> Any:
        """JSON of `GET /api/v1{path}`; parameters that are None are left out."""
        return self.request("GET", path, params=given(params)).json()

    def post(self, path: str, body: BaseModel | Mapping[str, Any] | None = None, **options: Any) -> Any:
        """JSON of `POST /api/v1{path}`, None for an empty answer (204)."""
        response = self.request("POST", path, json_body=body, **options)
        return response.json() if response.content else None

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
        """One request below /api/v1; an answer of 400 or above is raised."""
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
        if response.is_error:
            raise error_of(response)
        return response

    def answers(self, path: str) -> bool:
        """Whether `GET {path}` at the root of the server answers with success."""
        try:
            return self._http.get(f"{self.url}{path}").is_success
        except (httpx.TransportError, httpx.InvalidURL):
            return False


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
    return ServerUnreachable(url, reason)


def error_of(response: httpx.Response) -> ClientError:
    """The error that an answer of 400 or above describes; its body must have been read."""
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
    return ClientError(response.status_code, title, detail, faults, problem.get("state"))
