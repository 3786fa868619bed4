"""A job at whose worker a test sits."""

from typing import Any

import httpx

from system.launch import wait_until

SCHEMA = {
    "type": "object",
    "properties": {
        "damping": {
            "type": "number",
            "default": 1.0,
            "exclusiveMinimum": 0,
            "description": "Where it starts.",
        },
        "verbose": {"type": "boolean", "default": False},
    },
}


class ScriptedJob:
    """A job, and the worker that holds it: does what it is told when the test says so."""

    def __init__(self, http: httpx.Client, **spec: object) -> None:
        self._http = http
        problem = {"name": "p", "title": "P", "description": "", "params_schema": {"type": "object"}}
        optimizer = {
            "name": "o",
            "title": "O",
            "description": "",
            "params_schema": SCHEMA,
            "settable": ["damping"],
        }
        self.worker = self._post(
            "/workers",
            {"name": "w", "host": "here", "pid": 1, "problems": [problem], "optimizers": [optimizer]},
        )["id"]
        job = {"name": "held", "problem": "p", "optimizer": "o", "budget": {"steps": 100}} | spec
        self.id = self._post("/jobs", job)["id"]
        self.attempt = 0
        self.claim()

    def claim(self) -> None:
        self.attempt = self._post(f"/workers/{self.worker}/claim", {"wait_seconds": 1})["attempt"]

    def send(self, steps: list[Any], **batch: Any) -> None:
        self._post(f"/runs/{self.id}/records", {"attempt": self.attempt, "steps": steps} | batch)

    def obey(self, number: int, step: int, **more: Any) -> None:
        """Does what it was asked to with that number, once it was: a click returns before its request has arrived."""
        wait_until(
            lambda: any(control["number"] == number for control in self.asked()),
            seconds=30,
            what=f"the command {number}",
        )
        self.send([], applied=[{"number": number, "step": step} | more])

    def lose(self) -> None:
        self._post(f"/runs/{self.id}/finish", {"attempt": self.attempt, "state": "interrupted"})

    def asked(self) -> list[dict[str, Any]]:
        answer = self._http.get(f"/runs/{self.id}/controls")
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
