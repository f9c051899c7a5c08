"""The HTTP client: requests' adapter over connections that a gate opens and a watch ends.

There is no `requests.Session` here on purpose: it adds cookies, `.netrc`, proxies from the
environment, and reads the whole body of a redirect before anyone has asked for it.
"""

import http.client
import io
import logging
import re
import socket
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

from requests import Request, Response
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from imagesignals_pipeline.fetch.gate import Gate
from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.urls import Origin, WebUrl
from imagesignals_pipeline.fetch.watch import Watch
from imagesignals_pipeline.model import FailureKind

MAX_HEADER_BYTES = 64 * 1024
"""Status lines and headers of one answer, interim ones (100 Continue) included."""
_KEPT = 64
"""Hosts, and idle connections to each, that are kept for the next picture."""
_FRAMING_BYTES = 64 * 1024
_BUFFER_BYTES = io.DEFAULT_BUFFER_SIZE


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at one picture: who opens its connections, what ends them, how much may come."""

    gate: Gate
    watch: Watch
    max_bytes: int


_CALL: ContextVar[Call] = ContextVar("call")
"""The attempt that this thread is making; urllib3 has no argument to hand it down."""


@contextmanager
def calling(call: Call) -> Generator[None]:
    """Make the requests of this thread part of an attempt."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


class _Metered(io.RawIOBase):
    """Counts what comes off the wire, before anyone parses or unpacks it."""

    def __init__(self, raw: io.RawIOBase) -> None:
        super().__init__()
        self._raw = raw
        self._left = MAX_HEADER_BYTES + _BUFFER_BYTES
        self._clause = "too many headers"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401  (any writable buffer)
        count: int | None = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise Unfetchable(FailureKind.TOO_MANY_BYTES, self._clause)
        return count

    def allow_body(self, max_bytes: int) -> None:
        """Count the body from here on; chunks may take an eighth more than they carry."""
        self._left = max_bytes + max_bytes // 8 + _FRAMING_BYTES
        self._clause = "too large"

    def close(self) -> None:
        self._raw.close()
        super().close()


class _MeteredResponse(http.client.HTTPResponse):
    """An answer whose head and body are limited in bytes as they arrive."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(sock, *args, **kwargs)
        self._meter = _Metered(self.fp.detach())
        self.fp = io.BufferedReader(self._meter, _BUFFER_BYTES)

    def begin(self) -> None:
        super().begin()
        self._meter.allow_body(_CALL.get().max_bytes)


class _GatedConnection(HTTPConnection):
    """A connection that is opened by the gate and held by the watch, new or used again."""

    scheme = "http"
    _answer: _MeteredResponse | None = None

    def response_class(self, *args: Any, **kwargs: Any) -> _MeteredResponse:  # pyright: ignore[reportIncompatibleVariableOverride]  # http.client only calls it  # noqa: ANN401
        """Make an answer and remember it until urllib3 has taken it over."""
        self._answer = _MeteredResponse(*args, **kwargs)
        return self._answer

    def getresponse(self) -> HTTPResponse:
        """Read an answer's head; close what urllib3 drops when it makes no sense of one."""
        try:
            return super().getresponse()
        except BaseException:
            if self._answer is not None:
                self._answer.close()
            raise
        finally:
            self._answer = None

    def _new_conn(self) -> socket.socket:
        call = _CALL.get()
        return call.gate.open(Origin(self.scheme, self.host, self.port or 0), call.watch)

    def request(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (handed on)
        if self.sock is not None:
            _CALL.get().watch.hold(self.sock)
        super().request(*args, **kwargs)


class _GatedTlsConnection(_GatedConnection, HTTPSConnection):  # pyright: ignore[reportIncompatibleVariableOverride]  # likewise
    """The same with TLS, which is verified against the name and not the address."""

    scheme = "https"


_PoolClasses = dict[str, type[HTTPConnectionPool] | type[HTTPSConnectionPool]]


class _Pool(HTTPConnectionPool):
    ConnectionCls = _GatedConnection  # pyright: ignore[reportAssignmentType]  # as urllib3's own


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _GatedTlsConnection  # pyright: ignore[reportAssignmentType]  # likewise


class Client(HTTPAdapter):
    """Asks one URL at a time and hands the answer out before its body is read; thread-safe."""

    def __init__(self, *, silence_timeout_s: float, ca_file: str | None) -> None:
        self._silence_timeout_s = silence_timeout_s
        self._context = _tls(ca_file)
        _keep_logs_harmless()
        super().__init__(pool_connections=_KEPT, pool_maxsize=_KEPT)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (handed on)
        """Make every pool out of gated connections; there is no other way out."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        classes: _PoolClasses = {"http": _Pool, "https": _TlsPool}
        self.poolmanager.pool_classes_by_scheme = classes

    def cert_verify(self, *_: object, **__: object) -> None:
        """Leave verification to the one context that this client was made with."""

    def ask(self, url: WebUrl, headers: Mapping[str, str]) -> Response:
        """Send a GET request and return the answer's head; the caller closes it."""
        request = Request("GET", url.text, {**_HEADERS, **headers}).prepare()
        return self.send(request, stream=True, timeout=self._silence_timeout_s)


_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    # Secret keys are refused for browser-like names; no version, so that hosts need not know it.
    "User-Agent": "imagesignals-pipeline",
}


@cache
def _tls(ca_file: str | None) -> ssl.SSLContext:
    """Trust one file, or else the machine's certificates and certifi's; loading takes 60 ms."""
    context = ssl.create_default_context(cafile=ca_file)
    if ca_file is None:
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


_QUERY = re.compile(r"(?:\?|%3F)\S*", re.IGNORECASE)


def _keep_logs_harmless() -> None:
    """Keep out of urllib3's log what strangers write: signed tokens in URLs, headers unread."""
    for name in ("urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(name).addFilter(_harmless)


def _harmless(record: logging.LogRecord) -> bool:
    """Shorten URLs, and drop warnings about headers, which quote up to 64 KiB of them."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            _QUERY.sub("?...", value) if isinstance(value, str) else value for value in record.args
        )
    return record.exc_info is None
