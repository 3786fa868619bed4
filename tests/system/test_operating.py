"""What an operator asks of an installation: how it is, and what it says."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from hessianfree_lab.version import __version__
from system.conftest import Machine
from system.launch import Launched, clean_environment, launched, run, wait_until


def test_doctor_finds_a_healthy_machine(machine: Machine, tmp_path: Path) -> None:
    ended = run("doctor", "--data-dir", tmp_path / "data", environment=machine.environment)
    assert ended.returncode == 0, ended.stdout
    for word in (
        __version__,
        "torch",
        "can be made",
        "NVIDIA's driver",
        "GiB are free",
        "There is no database at",
        f"The server at {machine.url} answers",
        "clock agrees with the server's",
    ):
        assert word in ended.stdout
    assert not (tmp_path / "data").exists()


def test_doctor_finds_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database", encoding="utf-8")
    torch = tmp_path / "packages" / "torch" / "__init__.py"
    torch.parent.mkdir(parents=True)
    torch.write_text("raise ImportError('libtorch_cpu.so: cannot open shared object file')", encoding="utf-8")
    environment = clean_environment(
        PYTHONPATH=os.pathsep.join([str(tmp_path / "packages"), os.environ.get("PYTHONPATH", "")]),
        HESSIANFREE_SERVER="http://127.0.0.1:9",
        HESSIANFREE_DATABASE_URL=f"sqlite:///{tmp_path}/file",
        HESSIANFREE_STORAGE="nowhere://lab/x",
    )
    ended = run("doctor", "--data-dir", tmp_path / "file" / "data", environment=environment)
    assert ended.returncode == 1
    assert ended.stdout.count("WRONG") == 5
    assert "cannot open shared object file. Install it anew in this environment" in ended.stdout
    assert "file is not a database" in ended.stdout
    assert "The storage nowhere://lab/x cannot be used: Protocol not known: nowhere." in ended.stdout
    assert "cannot be written" in ended.stdout
    assert "No server answers at http://127.0.0.1:9" in ended.stdout


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """An OpenTelemetry collector: its address, and the traces that it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces":
                received.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()
    thread.join()


def spans_in(received: list[bytes]) -> list[Any]:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    resources = [
        one for body in received for one in ExportTraceServiceRequest.FromString(body).resource_spans
    ]
    return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry.exporter"] = sys.modules["opentelemetry.sdk"] = None  # as where it is not installed
from hessianfree_lab.cli.app import main
main()
"""


def test_a_server_without_what_sends_traces_says_so_in_a_sentence(tmp_path: Path) -> None:
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path / "data")
    environment = clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    output = tmp_path / "serve.log"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", WITHOUT_THE_EXTRA, *map(str, arguments)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    server = Launched(process=process, output=output)
    try:
        server.wait_for("serves at")
        assert server.stop() == 0
    finally:
        process.kill()
        process.wait()
    (said,) = [line for line in server.text().splitlines() if "serves at" not in line and line.strip()]
    assert "No traces are sent: OTEL_EXPORTER_OTLP_ENDPOINT is set" in said
    assert "pip install 'hessianfree-lab[server,telemetry]'" in said


def test_a_server_speaks_json_and_sends_traces_where_it_is_asked_to(
    tmp_path: Path, collector: tuple[str, list[bytes]]
) -> None:
    address, received = collector
    environment = clean_environment(
        OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_SERVICE_NAME="lab", HESSIANFREE_LOG_FORMAT="json"
    )
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path / "data", "--url-file", tmp_path / "url")
    with launched(*arguments, output=tmp_path / "serve.log", environment=environment) as server:
        server.wait_for("serves at")
        wait_until((tmp_path / "url").exists, seconds=30, what="the file with the address")
        url = (tmp_path / "url").read_text(encoding="utf-8").strip()
        with httpx.Client(trust_env=False) as http:
            for path in ("/api/v1/runs", "/healthz", "/api/v1/runs/secret"):
                http.get(f"{url}{path}")
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.text().splitlines()]
    (ready,) = [line for line in lines if line.get("url") == url]
    assert ready["message"] == f"HessianFree Lab serves at {url}"
    assert (ready["level"], ready["logger"]) == ("info", "hessianfree_lab")
    assert ready["time"].endswith("+00:00")
    spans = spans_in(received)
    by_id = {span.span_id: span for span in spans}

    def root(span: Any) -> str:
        while span.parent_span_id in by_id:
            span = by_id[span.parent_span_id]
        return str(span.name)

    requests = {"GET /api/v1/runs", "GET /api/v1/runs/{run_id}"}
    statements = [span for span in spans if span.name == "SELECT"]
    assert {root(span) for span in spans} == {root(span) for span in statements} == requests
    texts = [item.value.string_value for span in statements for item in span.attributes]
    assert any("FROM runs" in text for text in texts)
    assert not any("secret" in text for text in texts)  # the values are nobody's business
