"""An S3 of this machine, which keeps its objects in memory."""

import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BUCKET = "lab"


@dataclass(frozen=True)
class S3:
    """A bucket. Whoever has this process's environment reaches it."""

    endpoint: str
    _count: Iterator[int] = field(default_factory=itertools.count)

    def new_storage(self) -> str:
        """A URL below which nothing is."""
        return f"s3://{BUCKET}/storage-{next(self._count)}"


@contextmanager
def running_s3() -> Iterator[S3]:
    """It answers while the context lasts."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ |= variables
    try:
        s3fs.S3FileSystem().mkdir(BUCKET)
        yield S3(variables["AWS_ENDPOINT_URL"])
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()
