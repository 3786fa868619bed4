"""What refuses for good is told from what is away for a while."""

import os
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import fsspec
import pytest
from botocore.exceptions import ClientError
from s3fs.errors import translate_boto_error

from hessianfree_lab.errors import StorageDenied, StorageUnavailable
from hessianfree_lab.storage.denial import is_denial
from hessianfree_lab.storage.objects import Objects


@contextmanager
def environment(**variables):
    """A process that has just been started with these; None: without that one."""
    before = {name: os.environ.get(name) for name in variables}

    def put(values):
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        for name, value in values.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})

    put(variables)
    try:
        yield
    finally:
        put(before)


def everything(objects, folder):
    """What is asked of a storage, by name."""
    (folder / "there").write_text("x")
    return {
        "list": objects.listing,
        "read": lambda: objects.fetch("name/file", folder / "back"),
        "open": lambda: objects.open("name/file"),
        "write": lambda: objects.put(folder / "there", "name/other"),
        "remove": lambda: objects.remove("name/file"),
    }


def refusals(url, folder):
    """By what was asked, the error of those that were refused."""
    found = {}
    for name, ask in everything(Objects(url), folder).items():
        try:
            ask()
        except FileNotFoundError:  # of a file; that is an answer
            continue
        except StorageUnavailable as error:
            found[name] = error
    return found


def test_a_bucket_that_denies_access_does_so_for_good(s3, tmp_path):
    bucket = s3.new_bucket()
    url = f"s3://{bucket}/storage"
    assert set(refusals(url, tmp_path)) == set()
    s3.deny(bucket)
    found = refusals(url, tmp_path)
    assert set(found) == {"read", "open", "write", "remove"}
    for error in found.values():
        assert isinstance(error, StorageDenied)
        assert url in str(error)
        assert "Forbidden" in str(error)


@pytest.mark.parametrize(
    ("key", "words"), [("AKIA-OF-NOBODY", "does not exist in our records"), (None, "Unable to locate")]
)
def test_wrong_credentials_and_none_are_no_outage(s3, tmp_path, key, words):
    url = s3.new_storage()
    secret = None if key is None else "wrong"
    with (
        s3.asking_for_credentials(),
        environment(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY=secret, AWS_EC2_METADATA_DISABLED="true"),
    ):
        found = refusals(url, tmp_path)
    assert set(found) == {"list", "read", "open", "write", "remove"}
    assert {type(error) for error in found.values()} == {StorageDenied}
    assert words in str(found["list"])


def test_a_bucket_that_is_not_there_is_named(s3, tmp_path):
    found = refusals("s3://no-such-bucket/storage", tmp_path)
    for name in ("list", "write"):
        assert isinstance(found[name], StorageDenied)
        assert str(found[name]).startswith("s3://no-such-bucket/storage is not there: ")


class Overloaded(BaseHTTPRequestHandler):
    """An S3 that cannot, now."""

    def do_GET(self):
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_outage_passes(s3):
    with ThreadingHTTPServer(("127.0.0.1", 0), Overloaded) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with environment(AWS_ENDPOINT_URL=address), pytest.raises(StorageUnavailable) as overloaded:
            Objects(s3.new_storage()).listing()
        server.shutdown()
    with environment(AWS_ENDPOINT_URL=address), pytest.raises(StorageUnavailable) as refused:
        Objects(s3.new_storage()).listing()
    assert "Could not connect" in str(refused.value)
    for error in (overloaded.value, refused.value):
        assert not isinstance(error, StorageDenied)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("AccessDenied", 403, True),
        ("ExpiredToken", 400, True),
        ("InvalidToken", 400, True),
        ("SignatureDoesNotMatch", 403, True),
        ("AuthorizationHeaderMalformed", 400, True),
        ("SlowDown", 503, False),
        ("InternalError", 500, False),
        ("RequestTimeout", 400, False),
        ("OperationAborted", 409, False),
    ],
)
def test_what_s3_says_is_told_apart(code, status, expected):
    said = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = translate_boto_error(ClientError(said, "GetObject"))
    assert is_denial(error) is expected


class Answered(Exception):
    """As packages for other clouds tell of an answer of HTTP."""

    def __init__(self, status_code):
        super().__init__("no")
        self.status_code = status_code


@pytest.mark.parametrize(("status", "expected"), [(401, True), (403, True), (429, False), (500, False)])
def test_what_others_say_is_told_apart_by_the_status_of_http(status, expected):
    assert is_denial(Answered(status)) is expected
