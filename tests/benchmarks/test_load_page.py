"""The page of what the service bears: each scene has a section, which the others leave alone."""

import json
from pathlib import Path

import load_clients
from service_load import Scene, percentile, write

from hessianfree_lab.records import IngestBatch


def test_a_scene_measured_again_replaces_its_own_section(tmp_path: Path) -> None:
    page = tmp_path / "load.md"
    for name, value in (("writers", "1"), ("streams", "2"), ("writers", "3")):
        scene = Scene(name=f"scene of {name}")
        scene.add("figure", value, "> 2", met=value == "3")
        write(page, name, scene.rows, 0.5)
    text = page.read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## Writers", "## Streams"]
    assert [line for line in text.splitlines() if line.startswith("| figure")] == [
        "| figure | 3 | > 2 | yes |",
        "| figure | 2 | > 2 | no |",
    ]


def test_bodies_are_what_a_sender_sends() -> None:
    body = load_clients.batch_template(7, steps=3, metrics=5) % (11, 11, 12, 12, 13, 13)
    batch = IngestBatch.model_validate_json(body)
    assert [(step.step, step.seconds, len(step.metrics)) for step in batch.steps] == [
        (11, 11.0, 5),
        (12, 12.0, 5),
        (13, 13.0, 5),
    ]
    assert json.loads(body)["attempt"] == 1


def test_percentiles_are_in_milliseconds() -> None:
    assert percentile([0.25], 0.99) == 250.0
    assert 985 <= percentile([n / 1000 for n in range(1001)], 0.99) <= 995
