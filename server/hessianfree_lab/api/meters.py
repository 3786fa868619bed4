"""What Prometheus reads."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hessianfree_lab.api.broadcast import Broadcaster
from hessianfree_lab.lifecycle import State
from hessianfree_lab.store.interface import EVENTS, Store


class Meters:
    """One application's metrics, in a registry of their own."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, store: Store, broadcaster: Broadcaster) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Gauges(store, broadcaster))
        self.steps = Counter(
            "hessianfree_ingested_steps", "Step records received since the start.", registry=self._registry
        )

    def text(self) -> bytes:
        """In Prometheus' text format; asks the store."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    """What is counted when it is asked for."""

    def __init__(self, store: Store, broadcaster: Broadcaster) -> None:
        self._store = store
        self._broadcaster = broadcaster

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing beforehand: registering must not ask the store."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
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
        workers = GaugeMetricFamily(
            "hessianfree_workers", "Workers of the last day by state.", labels=["state"]
        )
        for name, number in counts.workers.items():
            workers.add_metric([name], number)
        yield workers
        streams = self._broadcaster.count(EVENTS)
        yield GaugeMetricFamily("hessianfree_event_streams", "Open event streams.", value=streams)
