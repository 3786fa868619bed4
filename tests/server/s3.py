"""An S3 of this machine, which keeps its objects in memory."""

import itertools
import json
import logging
import os
import urllib.request
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

    def new_bucket(self) -> str:
        """The name of another one, whose access is the test's to change."""
        import s3fs

        name = f"lab-{next(self._count)}"
        s3fs.S3FileSystem().mkdir(name)
        return name

    def deny(self, bucket: str) -> None:
        """Let nobody read, write or remove what is in it; what is there, can be seen."""
        import boto3

        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        boto3.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    @contextmanager
    def asking_for_credentials(self) -> Iterator[None]:
        """It otherwise takes whatever it is shown."""
        self._check_credentials_after("0")
        try:
            yield
        finally:
            self._check_credentials_after("inf")

    def _check_credentials_after(self, requests: str) -> None:
        url, as_it_is = f"{self.endpoint}/moto-api/reset-auth", {"Content-Type": "text/plain"}
        with urllib.request.urlopen(urllib.request.Request(url, requests.encode(), as_it_is)):
            pass


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
