"""What Prometheus reads."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hessianfree_lab.api.broadcast import Broadcaster
from hessianfree_lab.keeper import Keeper
from hessianfree_lab.lifecycle import State
from hessianfree_lab.store.interface import EVENTS, Store
from hessianfree_lab.version import __version__


class Meters:
    """One application's metrics, in a registry of their own."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, store: Store, broadcaster: Broadcaster, keeper: Keeper) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(store, broadcaster, keeper))
        self.steps = Counter(
            "hessianfree_ingested_steps", "Step records received since the start.", registry=self._registry
        )
        self.lost = Counter(
            "hessianfree_lost_attempts",
            "Attempts since the start whose worker has gone silent.",
            registry=self._registry,
        )

    def text(self) -> bytes:
        """In Prometheus' text format; asks the store."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is counted when it is asked for."""

    def __init__(self, store: Store, broadcaster: Broadcaster, keeper: Keeper) -> None:
        self._store = store
        self._broadcaster = broadcaster
        self._keeper = keeper

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing beforehand: registering must not ask the store."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        version = GaugeMetricFamily("hessianfree_version", "1, with the version.", labels=["version"])
        version.add_metric([__version__], 1)
        yield version
        yield from self._counts()
        yield from self._devices()
        yield from self._files()
        streams = self._broadcaster.count(EVENTS)
        yield GaugeMetricFamily("hessianfree_event_streams", "Open event streams.", value=streams)

    def _counts(self) -> Iterator[GaugeMetricFamily]:
        counts = self._store.counts()
        runs = GaugeMetricFamily("hessianfree_runs", "Runs by state.", labels=["state"])
        for state in State:
            runs.add_metric([state.value], counts.runs.get(state.value, 0))
        yield runs
        yield GaugeMetricFamily(
            "hessianfree_queue_depth",
            "Jobs that wait for a worker.",
            value=counts.runs.get(State.QUEUED.value, 0),
        )
        yield GaugeMetricFamily(
            "hessianfree_queue_wait_seconds",
            "How long the job at the longest wait has been queued: since it was submitted, or its attempt ended.",
            value=counts.waiting_seconds,
        )
        workers = GaugeMetricFamily(
            "hessianfree_workers", "Workers of the last day by state.", labels=["state"]
        )
        for name, number in counts.workers.items():
            workers.add_metric([name], number)
        yield workers

    def _devices(self) -> Iterator[GaugeMetricFamily]:
        """Of workers that live, what they last said of theirs."""
        of_device = ["worker", "device"]
        busy = GaugeMetricFamily("hessianfree_device_utilisation", "From 0 to 1.", labels=of_device)
        used = GaugeMetricFamily("hessianfree_device_memory_used_bytes", "By all programs.", labels=of_device)
        room = GaugeMetricFamily("hessianfree_device_memory_bytes", "In all.", labels=of_device)
        heat = GaugeMetricFamily("hessianfree_device_temperature_celsius", "Of GPUs.", labels=of_device)
        power = GaugeMetricFamily("hessianfree_device_power_watts", "Of GPUs.", labels=of_device)
        usable = GaugeMetricFamily(
            "hessianfree_device_usable", "0: it has failed, or is left to others.", labels=of_device
        )
        told = set()  # of several workers of one name the newest
        for worker in self._store.workers():
            if worker.name in told:
                continue
            told.add(worker.name)
            for load in worker.load:
                for family, value in (
                    (busy, load.utilisation),
                    (used, load.memory_used_bytes),
                    (room, load.memory_total_bytes),
                    (heat, load.temperature_celsius),
                    (power, load.power_watts),
                    (usable, float(not load.note)),
                ):
                    if value is not None:
                        family.add_metric([worker.name, load.device], value)
        yield from (busy, used, room, heat, power, usable)

    def _files(self) -> Iterator[GaugeMetricFamily]:
        stored = GaugeMetricFamily(
            "hessianfree_stored_bytes", "Files of runs that this server keeps, by kind.", labels=["kind"]
        )
        with_files = GaugeMetricFamily(
            "hessianfree_stored_runs", "Runs of which it keeps files, by kind.", labels=["kind"]
        )
        for kind, total in self._keeper.totals.items():
            stored.add_metric([kind], total.bytes)
            with_files.add_metric([kind], total.runs)
        yield from (stored, with_files)
