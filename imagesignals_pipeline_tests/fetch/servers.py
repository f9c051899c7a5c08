"""Real servers on loopback whose every byte a test decides, and a small Internet around them."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

PICTURE = b"\x89PNG\r\n\x1a\n picture"
PUBLIC = "93.184.215.14"
"""A public address that tests pretend to own; nothing is ever sent there."""

POLL_S = 0.03
"""How often a server looks whether its test is over."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    path: str
    headers: Mapping[str, str]


class Line:
    """The server's end of a connection, while one request is answered."""

    def __init__(self, sock: socket.socket, stopping: threading.Event) -> None:
        self.sock = sock
        self.stopping = stopping

    def send(self, content: bytes) -> None:
        """Send everything, or raise OSError when the client has gone."""
        self.sock.sendall(content)

    def drip(self, content: bytes, every_s: float) -> None:
        """Send the content again and again until the client goes or the test ends."""
        while not self.stopping.wait(every_s):
            self.sock.sendall(content)

    def silence(self) -> None:
        """Say nothing until the client goes or the test ends."""
        self.sock.settimeout(POLL_S)
        while not self.stopping.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.sock.recv(1):
                    return


Answer = Callable[[Line, Seen], object]
"""Answers one request; the connection is kept unless it returns `CLOSE` or raises OSError."""
CLOSE = "close"


def reply(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer plainly; `content_length="5"` names a header and overrides it."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    names = {"content-length": str(len(body)), **names}
    head = "".join(f"{name}: {value}\r\n" for name, value in names.items())
    content = f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body

    def answer(line: Line, _: Seen) -> None:
        line.send(content)

    return answer


def raw(content: bytes) -> Answer:
    """Answer with these bytes and hang up."""

    def answer(line: Line, _: Seen) -> str:
        line.send(content)
        return CLOSE

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Give each answer once, the last one for ever."""
    waiting = list(answers)
    lock = threading.Lock()

    def answer(line: Line, seen: Seen) -> object:
        with lock:
            now = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return now(line, seen)

    return answer


@dataclass
class Server:
    """Serves on 127.0.0.1; `answers` maps a path to what it does, `otherwise` does the rest."""

    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    otherwise: Answer = field(default_factory=lambda: reply(404, b"no"))
    tls: ssl.SSLContext | None = None
    seen: list[Seen] = field(default_factory=list[Seen], repr=False)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(POLL_S)
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):  # closed already, or taken over by TLS
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)
        self._listener.close()

    @property
    def url(self) -> str:
        """The server's origin."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        """Return what was asked for, in order."""
        return [seen.path for seen in self.seen]

    def _accept(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(OSError):
                sock, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(sock)
                thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(sock)
            if self.tls is not None:
                sock = stack.enter_context(self.tls.wrap_socket(sock, server_side=True))
            while (seen := self._read(sock)) is not None:
                self.seen.append(seen)
                answer = self.answers.get(seen.path, self.otherwise)
                if answer(Line(sock, self.stopping), seen) == CLOSE:
                    return

    def _read(self, sock: socket.socket) -> Seen | None:
        """Read one request, or None when the client has nothing more to ask."""
        sock.settimeout(POLL_S)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            try:
                more = sock.recv(65536)
            except TimeoutError:
                if self.stopping.is_set():
                    return None
                continue
            if not more:
                return None
            head += more
        sock.settimeout(5)
        request, *lines = head.decode("latin-1").strip().split("\r\n")
        pairs = [line.partition(":") for line in lines]
        return Seen(
            request.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}
        )


@dataclass
class Internet:
    """Names, addresses, and the loopback server behind an address; everything is recorded.

    `names` holds one list of addresses per look-up, the last one for ever. Its two methods are
    the resolver and the connection hook of a Fetcher.
    """

    names: dict[str, list[list[str]]] = field(default_factory=dict[str, list[list[str]]])
    behind: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    lookups: list[str] = field(default_factory=list[str])
    connects: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def host(self, name: str, server: Server, *, address: str = PUBLIC) -> str:
        """Put a server behind a name and return its origin."""
        port = 443 if server.tls else 80
        self.names[name] = [[address]]
        self.behind[address, port] = server.port
        return f"http{'s' if server.tls else ''}://{name}"

    def resolve(self, host: str) -> list[str]:
        """Answer a look-up."""
        self.lookups.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, timeout_s: float) -> socket.socket:
        """Connect to the server behind an address; nothing else in the world answers."""
        self.connects.append((address, port))
        real = self.behind.get((address, port), port if address == "127.0.0.1" else 0)
        if not real:
            raise ConnectionRefusedError
        return socket.create_connection(("127.0.0.1", real), timeout_s)


@contextmanager
def observed() -> Generator[list[tuple[str, Any]]]:
    """Record what is asked of Python's sockets: the function, and what it was called with.

    An audit hook would see the same, but stays for the life of the process, and before Python
    3.12 one that is written in Python lets threads under coverage die as they start: `settrace`
    may change threads inside it, and refuses to be called by a second one.
    """
    record: list[tuple[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, _recording(socket.socket, name, record))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            patch.setattr(socket, name, _recording(socket, name, record))
        yield record


def _recording(owner: object, name: str, record: list[tuple[str, Any]]) -> Callable[..., Any]:
    real = getattr(owner, name)

    def recording(*args: Any, **kwargs: Any) -> Any:
        record.append((name, args))
        return real(*args, **kwargs)

    return recording
