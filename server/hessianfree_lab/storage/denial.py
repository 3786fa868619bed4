"""Whether a storage refuses for good, or only now: what the packages of fsspec raise, told apart."""

from collections.abc import Iterator

# HTTP's words for "not you".
_STATUSES = frozenset({401, 403})
# botocore's for a process that has no credentials, or half of them.
_WITHOUT_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError"})
# S3's for credentials, and for buckets of another region, that it tells with statuses which say too little.
_CODES = frozenset({"InvalidToken", "AuthorizationHeaderMalformed", "PermanentRedirect"})


def is_denial(error: BaseException) -> bool:
    """Whether the same would be said the next time: access is denied, or the credentials are none.

    What is not known to be so is taken for an outage, which passes.
    """
    return any(_denies(cause) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was made from: each layer of packages has exceptions of its own."""
    while error is not None:
        yield error
        error = error.__cause__


def _denies(error: BaseException) -> bool:
    if isinstance(error, PermissionError) or type(error).__name__ in _WITHOUT_CREDENTIALS:
        return True
    if any(getattr(error, name, None) in _STATUSES for name in ("status", "status_code", "code")):
        return True
    response = getattr(error, "response", None)  # botocore's, a dictionary; others have objects there
    return isinstance(response, dict) and response.get("Error", {}).get("Code") in _CODES
