"""What an answer means: a body, another place to ask, or a verdict."""

import io
from collections.abc import Iterator

import requests
from requests import Response
from urllib3.exceptions import (
    DecodeError,
    HTTPError,
    InvalidHeader,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.util import Retry

from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.storage import MAX_ERROR_BYTES
from imagesignals_pipeline.fetch.urls import WebUrl
from imagesignals_pipeline.fetch.watch import Watch
from imagesignals_pipeline.model import FailureKind

OK = 200
"""The only status with a picture in it: 206 is a part of one, 204 is none."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BAD_REQUEST = 400
SERVER_ERRORS = range(500, 600)
PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that another try, soon, can change."""
KINDS = {
    401: FailureKind.ACCESS_DENIED,
    403: FailureKind.ACCESS_DENIED,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    410: FailureKind.NOT_FOUND,
    429: FailureKind.RATE_LIMITED,
    451: FailureKind.ACCESS_DENIED,
}
MAX_NUMBER_CHARACTERS = 18
MAX_RETRY_AFTER_CHARACTERS = 64
MAX_CHUNKS = 65_536
"""Chunks of one body: 160 bytes each on average for the largest picture, servers send 1 to 64 KiB.

A chunk of one byte costs as much time as one of a thousand.
"""
_CHUNK_BYTES = 64 * 1024
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""What is unpacked although we asked for none of it; urllib3 unpacks these piece by piece."""


def next_hop(url: WebUrl, answer: Response) -> WebUrl:
    """Return where a redirect leads; raises Unfetchable where it must not."""
    location = answer.headers.get("Location", "")
    try:  # http.client reads headers as Latin-1, servers write UTF-8 into them
        location = location.encode("latin-1").decode()
    except UnicodeError:
        location = requests.utils.requote_uri(location)
    if not location.strip():
        raise Unfetchable(
            FailureKind.UNEXPECTED_STATUS, f"{answer.status_code}, a redirect to nowhere"
        )
    target = url.join(location)
    if (url.origin.scheme, target.origin.scheme) == ("https", "http"):
        raise Unfetchable(FailureKind.FORBIDDEN_ADDRESS, "refused, redirect from https to http")
    return target


def read_body(answer: Response, watch: Watch, max_bytes: int) -> bytes:
    """Return the whole body, at most `max_bytes` after unpacking; raises Unfetchable."""
    if answer.headers.get("Content-Encoding", "").strip().lower() not in _ENCODINGS:
        raise Unfetchable(FailureKind.NETWORK, "answer is packed in a way nobody asked for")
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and (len(length) > MAX_NUMBER_CHARACTERS or int(length) > max_bytes):
        raise too_large(max_bytes)
    body = io.BytesIO()
    for count, chunk in enumerate(_chunks(answer)):
        if body.tell() + len(chunk) > max_bytes:
            raise too_large(max_bytes)
        if count > MAX_CHUNKS:
            raise Unfetchable(FailureKind.TOO_MANY_BYTES, "too many chunks")
        body.write(chunk)
        watch.check()
    watch.check()  # a body that ends with its connection looks whole when the watch ended it
    if not body.tell():
        raise Unfetchable(FailureKind.EMPTY, "the file is empty")
    return body.getvalue()


def read_error(answer: Response) -> bytes:
    """Return the first few KiB of an error's body; nothing if they do not come."""
    try:
        return answer.raw.read(MAX_ERROR_BYTES, decode_content=True) or b""
    except (OSError, HTTPError, ValueError):
        return b""


def _chunks(answer: Response) -> Iterator[bytes]:
    """Yield the body; raises ProtocolError where urllib3 believes in a chunk of negative size."""
    try:
        yield from answer.iter_content(_CHUNK_BYTES)
    except ValueError as error:
        raise ProtocolError("the answer contradicts itself") from error


def verdict(
    status: int, words: frozenset[str] = frozenset(), retry_after: str | None = None
) -> Unfetchable:
    """Return what a status other than 200 means for the picture."""
    if status == BAD_REQUEST and "invalidjwt" in words:
        return Unfetchable(FailureKind.ACCESS_DENIED, f"{status}, signed link is not valid")
    again = status in SERVER_ERRORS or status in PASSING
    other = FailureKind.SERVER_ERROR if status in SERVER_ERRORS else FailureKind.UNEXPECTED_STATUS
    kind = KINDS.get(status, other)
    return Unfetchable(kind, str(status), again=again, wait_s=wait_seconds(retry_after))


def wait_seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date; None for anything else."""
    if not retry_after or len(retry_after) > MAX_RETRY_AFTER_CHARACTERS:
        return None
    try:
        return Retry().parse_retry_after(retry_after)
    except (InvalidHeader, ValueError, OverflowError):
        return None


def broken(error: Exception, watch: Watch) -> Unfetchable:
    """Return the verdict on a connection that broke, without a word of the error's own text."""
    if watch.expired or not watch.left_s:
        return watch.timeout()
    causes = _causes(error)
    if any("CERTIFICATE_VERIFY_FAILED" in str(cause) for cause in causes):
        return Unfetchable(FailureKind.NETWORK, "certificate cannot be verified")
    if any(isinstance(cause, DecodeError) for cause in causes):
        return Unfetchable(FailureKind.NETWORK, "answer cannot be unpacked")
    if any(
        isinstance(cause, TimeoutError | ReadTimeoutError | requests.Timeout) for cause in causes
    ):
        return Unfetchable(FailureKind.TIMEOUT, "timeout, host fell silent", again=True)
    return Unfetchable(FailureKind.NETWORK, "connection broke", again=True)


def too_large(max_bytes: int) -> Unfetchable:
    """Return the verdict on a file above the limit."""
    return Unfetchable(FailureKind.TOO_MANY_BYTES, f"larger than {max_bytes / 2**20:.3g} MiB")


def _causes(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes
