"""What the alerts and the board ask Prometheus for is what the server tells it."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from hessianfree_lab.records import DeviceLoad, Heartbeat
from server.api.in_process import JSON, InProcess

DOCKER = Path(__file__).parents[3] / "docker"
SELECTOR = re.compile(r"(hessianfree_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)=~?"([^"]*)"')
BYTES = {"memory_used_bytes": 1, "memory_total_bytes": 2}


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression, and the text that is shown with its values."""
    alerts = yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    for group in alerts["groups"]:
        for rule in group["rules"]:
            yield rule["expr"], " ".join(rule["annotations"].values())
    board = json.loads((DOCKER / "grafana" / "boards" / "hessianfree.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def test_every_metric_and_label_that_is_asked_for_is_told(http: InProcess, worker: str) -> None:
    beat = Heartbeat(runs=[], load=[DeviceLoad(device="cpu", utilisation=0.5, **BYTES)])
    http.post(f"/api/v1/workers/{worker}/heartbeat", content=beat.model_dump_json(), headers=JSON)
    told: dict[str, dict[str, set[str]]] = {}
    for family in text_string_to_metric_families(http.get("/metrics").text):
        for sample in family.samples:
            labels = told.setdefault(sample.name, defaultdict(set))
            for name, value in sample.labels.items():
                labels[name].add(value)

    asked = list(expressions())
    assert len(asked) > 15
    for expression, shown in asked:
        selectors = SELECTOR.findall(expression)
        assert selectors or re.search(r"\b(?:up|ALERTS)\{", expression), expression
        for metric, matchers in selectors:
            assert metric in told, expression
            for label, values in MATCHER.findall(matchers):
                assert set(values.split("|")) <= told[metric][label], expression
            used = re.findall(r"\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}", shown)
            assert set(used) <= told[metric].keys(), f"{shown}: {metric} has {set(told[metric])}"
