"""A run as a script records it, over HTTP."""

import httpx


class Recorder:
    """A script's run, recorded step by step."""

    def __init__(self, http: httpx.Client, name: str = "a run", **script: object) -> None:
        body = {"name": name, "problem": "p", "optimizer": "o"} | script
        answer = http.post("/runs", json=body)
        answer.raise_for_status()
        self._http = http
        self.id: str = answer.json()["id"]

    def send(self, steps: list[object], **batch: object) -> None:
        self._http.post(
            f"/runs/{self.id}/records", json={"attempt": 1, "steps": steps} | batch
        ).raise_for_status()

    def finish(self, state: str = "completed", **more: object) -> None:
        self._http.post(
            f"/runs/{self.id}/finish", json={"attempt": 1, "state": state} | more
        ).raise_for_status()
