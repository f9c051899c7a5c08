"""The demonstration's image store: HTTP on loopback, with the paths of a Supabase bucket."""

import json
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

import PIL

from imagesignals_pipeline.demo.society import society
from imagesignals_pipeline.demo.submission import DemoSubmission, Kind
from imagesignals_pipeline.demo.uploads import Content, Oddity, render

PREFIX = "/storage/v1/object/public/payment-screenshots/"
RETRY_AFTER_S = 1
IDLE_S = 15.0
"""Seconds that a connection is kept open without a request."""

ERRORS = {
    Kind.MISSING: (HTTPStatus.NOT_FOUND, "Object not found"),
    Kind.DELETED: (HTTPStatus.BAD_REQUEST, "Object not found"),
    Kind.FORBIDDEN: (HTTPStatus.FORBIDDEN, "Access denied"),
    Kind.BROKEN: (HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error"),
    Kind.BUSY: (HTTPStatus.SERVICE_UNAVAILABLE, "Too busy"),
}
"""What is answered instead of a picture. Supabase Storage answers 400 for a deleted object and
tells its 404 in the body only (supabase/storage#323)."""


class DemoStore:
    """Serves the society's pictures while it is entered; several may share a directory.

    A picture is drawn when it is first asked for and kept below `directory`, where its file
    appears at once and whole. The port is remembered there too, so that the URLs in a database
    stay valid from run to run: stores of one directory share it, whichever process they are in,
    and only if a stranger has taken it another one is chosen (`load` then rewrites the URLs).
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        submissions: Iterable[DemoSubmission] | None = None,
    ) -> None:
        """Prepare a store; nothing is opened yet.

        Args:
            directory: Where pictures and the port are kept; created where missing.
            port: Port to listen on; 0 for any free one, None for the remembered one.
            submissions: Whose pictures to serve; the whole society unless given.
        """
        self._directory = directory
        self._port = port
        given = society() if submissions is None else submissions
        self._shelf = Shelf(directory / "pictures", given)
        self._server: _Server | None = None

    @property
    def base_url(self) -> str:
        """Where the bucket's paths begin, with a slash at the end; for IMAGESIGNALS_STORAGE_URL."""
        if self._server is None:
            raise RuntimeError("The store has an address only while it is entered.")
        return f"http://127.0.0.1:{self._server.server_port}{PREFIX}"

    def __enter__(self) -> Self:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._server = self._listen()
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _listen(self) -> "_Server":
        """Open the given port, else the remembered one, else any; remember a chosen one."""
        if self._port is not None:
            return _Server(self._port, self._shelf)
        note = self._directory / "port"
        with suppress(OSError, ValueError, OverflowError):
            return _Server(int(note.read_text()), self._shelf)
        server = _Server(0, self._shelf)
        _write_whole(note, str(server.server_port).encode())
        return server


class Shelf:
    """The society's pictures by path, drawn when first wanted; safe for threads and processes."""

    def __init__(self, directory: Path, submissions: Iterable[DemoSubmission]) -> None:
        self._directory = directory
        self._by_path = {each.path: each for each in submissions if each.path is not None}
        self._busy = {each.id for each in self._by_path.values() if each.kind is Kind.BUSY}
        self._lock = Lock()

    def find(self, path: str) -> DemoSubmission | None:
        """Return whose picture lies at a path below the bucket."""
        return self._by_path.get(path)

    def is_busy(self, submission: DemoSubmission) -> bool:
        """Whether the store is too busy to serve this one: true the first time it is asked for."""
        with self._lock:
            busy = submission.id in self._busy
            self._busy.discard(submission.id)
            return busy

    def picture(self, content: Content) -> bytes:
        """Return the bytes of an upload, from its file or drawn now."""
        file = self._directory / sha256(f"{drawing_version()} {content!r}".encode()).hexdigest()
        with suppress(FileNotFoundError):
            return file.read_bytes()
        picture = render(content)
        _write_whole(file, picture)
        return picture


@cache
def drawing_version() -> str:
    """Return a digest of what draws: a changed drawing must not show an old picture."""
    folder = Path(__file__).parent
    digest = sha256(PIL.__version__.encode())
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


class _Server(ThreadingHTTPServer):
    """Listens on 127.0.0.1; stores of one user and directory may share a port."""

    allow_reuse_port = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, shelf: Shelf) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.shelf = shelf

    def handle_error(self, request: object, client_address: object) -> None:
        """Be quiet about clients that hang up; tell everything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # pyright: ignore[reportArgumentType]


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S

    def do_GET(self) -> None:
        """Send a picture or the error that its kind calls for."""
        path = unquote(urlsplit(self.path).path)
        if not path.startswith(PREFIX):
            self._refuse(HTTPStatus.NOT_FOUND, "Route not found")
            return
        assert isinstance(self.server, _Server)
        shelf = self.server.shelf
        submission = shelf.find(path.removeprefix(PREFIX))
        if submission is None:
            self._refuse(*ERRORS[Kind.DELETED])
        elif submission.kind in ERRORS and (
            submission.content is None or shelf.is_busy(submission)
        ):
            self._refuse(*ERRORS[submission.kind])
        else:
            assert submission.content is not None
            self._send(
                HTTPStatus.OK, self._media_type(submission), shelf.picture(submission.content)
            )

    do_HEAD = do_GET  # noqa: N815 - the library looks methods up by this name

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        """Send an error in the JSON form of Supabase Storage."""
        told = HTTPStatus.NOT_FOUND if status == HTTPStatus.BAD_REQUEST else status
        error = told.phrase.lower().replace(" ", "_")
        body = json.dumps({"statusCode": str(told.value), "error": error, "message": message})
        self._send(status, "application/json", body.encode())

    @staticmethod
    def _media_type(submission: DemoSubmission) -> str:
        if submission.content is Oddity.SIGN_IN_PAGE:
            return "text/html; charset=utf-8"
        return guess_type(submission.path or "")[0] or "application/octet-stream"

    def _send(self, status: HTTPStatus, media_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", str(RETRY_AFTER_S))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Keep no request log: the demonstration's own lines are what the operator reads."""


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file that appears at once and whole, whoever else writes it at the same time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as draft:
        draft.write(content)
    Path(draft.name).replace(file)
