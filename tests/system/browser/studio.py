"""A server with real training in it, by the test's own process: to start a worker's would take half of the time."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from hessianfree_lab.client import Client
from hessianfree_lab.records import (
    Announcement,
    CGTrace,
    DeviceLoad,
    FinishRequest,
    Heartbeat,
    IngestBatch,
    LogLine,
    Spectrum,
    StepRecord,
)
from hessianfree_lab.serving import running
from hessianfree_lab.settings import Settings
from hessianfree_lab.training.catalogue import catalogue
from hessianfree_lab.training.errors import Diverged
from hessianfree_lab.training.session import Session
from hessianfree_lab.worker.ending import of_exception
from system.browser.swept import swept

AUTOENCODER: dict[str, Any] = {"problem": "digits-autoencoder", "seed": 1}
JOBS: dict[str, dict[str, Any]] = {
    "Autoencoder, Hessian-free": AUTOENCODER
    | {
        "budget": {"steps": 24},
        "optimizer_params": {"cg_max_iter": 50},
        "record": {"slices": 3, "spectrum": 12},
        "tags": ["paper"],
        "notes": "The run that the others are compared with.",
    },
    "Autoencoder, Adam": AUTOENCODER | {"optimizer": "adam", "budget": {"steps": 300}, "tags": ["paper"]},
    "Rosenbrock, Hessian-free": {"problem": "rosenbrock", "dtype": "float64", "budget": {"steps": 25}},
    "A learning rate of 1,000": {
        "problem": "quadratic",
        "optimizer": "sgd",
        "optimizer_params": {"lr": 1000.0},
        "tags": ["on purpose"],
    },
    "Autoencoder, L-BFGS": AUTOENCODER | {"optimizer": "lbfgs", "budget": {"steps": 400}},
}
UNDER_WAY = {"Autoencoder, L-BFGS": 120}  # steps after which the picture is taken
WAITS = {"name": "Waits for the others", "problem": "beale", "priority": -1}
STEPS_A_BATCH = 10  # their inner solves stay below what a request may hold
ROOM = 16 * 2**30


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A server with one worker, four runs that have ended, one that goes on and one that waits; another with a sweep;
    and reports in files."""

    url: str
    ids: dict[str, str]
    swept: str
    reports: dict[str, Path]

    def path(self, page: str) -> str:
        adam, hessian_free = self.ids["Autoencoder, Adam"], self.ids["Autoencoder, Hessian-free"]
        if page in self.reports:
            return self.reports[page].as_uri()
        of_three = f"runs={hessian_free},{adam},{self.ids['Autoencoder, L-BFGS']}"
        return {
            "runs": "/",
            "runs-groups": "/?group=optimizer",
            "run": f"/runs/{hessian_free}",
            "path": f"/runs/{self.ids['Rosenbrock, Hessian-free']}",
            "failed": f"/runs/{self.ids['A learning rate of 1,000']}",
            "compare": f"/compare?{of_three}&x=gradient_equivalents",
            "sweeps": urljoin(self.swept, "/sweeps"),
            "sweep": self.swept,
            "submit": "/submit",
            "workers": "/workers",
            "missing": "/runs/nothing-there",
            "empty-compare": "/compare",
        }[page]


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A worker that trains one job after another, on the spot."""

    client: Client
    worker: str
    numbers: Iterator[int] = field(default_factory=count)

    def train(self, name: str, spec: dict[str, Any]) -> str:
        """Submit the job and train it, to its end or as far as UNDER_WAY says; the run's id."""
        run = self.client.submit({"name": name} | spec).id
        assignment = self.client.claim(self.worker, wait_seconds=5.0)
        assert assignment is not None
        session = Session(assignment.spec)
        self._send(run, environment=session.environment(), landscape=session.landscape())
        ending = None if name in UNDER_WAY else FinishRequest(attempt=1, state="completed")
        records: list[Any] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a worker prints them
            try:
                for made in islice(session, UNDER_WAY.get(name)):
                    records += made
                    if session.step % STEPS_A_BATCH == 0:
                        self._record(run, records)
                        records = []
            except Diverged as error:
                ending = of_exception(1, error)
        if records:
            self._record(run, records)
        if ending is not None:
            self.client.finish(run, ending)
        return run

    def _record(self, run: str, records: list[Any]) -> None:
        steps = [record for record in records if isinstance(record, StepRecord)]
        cg = [record for record in records if isinstance(record, CGTrace)]
        spectra = [record for record in records if isinstance(record, Spectrum)]
        told = f"step {steps[-1].step}: loss {steps[-1].metrics['loss']:.6g}"
        self._send(
            run, steps=steps, cg=cg, spectra=spectra, logs=[LogLine(number=next(self.numbers), text=told)]
        )

    def _send(self, run: str, **batch: Any) -> None:
        self.client.send(run, IngestBatch(attempt=1, **batch))


@contextmanager
def opened_studio(folder: Path) -> Iterator[Studio]:
    """All of it, with its data in `folder`."""
    # Nobody sends heartbeats, and what is under way is to stay so.
    settings = Settings(data_dir=folder / "data", port=0, heartbeat_seconds=1200, lease_seconds=3600)
    with (
        running(settings) as url,
        running(Settings(data_dir=folder / "swept", port=0)) as other,
        Client(url) as client,
    ):
        announced = Announcement(name="studio", host="localhost", pid=1, **catalogue())
        worker = client.register(announced).id
        trainer = Trainer(client=client, worker=worker)
        ids = {name: trainer.train(name, spec) for name, spec in JOBS.items()}
        client.submit(WAITS)
        load = DeviceLoad(
            device="cpu", memory_used_bytes=ROOM // 5, memory_total_bytes=ROOM, utilisation=0.62
        )
        client.heartbeat(worker, Heartbeat(load=[load]))
        yield Studio(
            url=url, ids=ids, swept=f"{other}/sweeps/{swept(other)}", reports=reports_of(client, ids, folder)
        )


def reports_of(client: Client, ids: dict[str, str], folder: Path) -> dict[str, Path]:
    """Files of a run's report and a comparison's, by page."""
    one, other = ids["Autoencoder, Hessian-free"], ids["Autoencoder, Adam"]
    addresses = {
        "report": f"/runs/{one}/report.html",
        "report-comparison": f"/report.html?runs={one},{other}",
    }
    for page, address in addresses.items():
        (folder / f"{page}.html").write_bytes(client.request("GET", address).content)
    return {page: folder / f"{page}.html" for page in addresses}
