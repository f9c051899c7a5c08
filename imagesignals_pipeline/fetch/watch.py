"""A clock that ends a connection in time, whatever the other side does."""

import contextlib
import socket
import time
from threading import Lock, Timer
from types import TracebackType
from typing import Self

from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.model import FailureKind


class Watch:
    """Shuts the connection that it holds when its time is over; one per attempt.

    Time-outs of sockets are per read, and checks between chunks wait for a chunk: a server that
    sends one byte now and then outlasts both. Only shutting the connection from outside ends
    every drip (measured in the project's notes). The watch holds a handle of its own: TLS takes
    the first one over, and a number that was closed can mean another file a moment later.
    """

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._ends = time.monotonic() + seconds
        self._handle: socket.socket | None = None
        self._lock = Lock()
        self._timer = Timer(max(seconds, 0.0), self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._let_go()

    @property
    def left_s(self) -> float:
        """Seconds left, never negative."""
        return max(self._ends - time.monotonic(), 0.0)

    def hold(self, connection: socket.socket) -> None:
        """Take responsibility for a connection, instead of the one held before."""
        with self._lock:
            self._let_go()
            self._handle = socket.socket(fileno=socket.dup(connection.fileno()))
        self.check()

    def check(self) -> None:
        """Raise Unfetchable when the time is over, whether the timer noticed yet or not."""
        if self.expired or not self.left_s:
            self._expire()
            raise self.timeout()

    def timeout(self) -> Unfetchable:
        """Return the verdict on a picture that took too long."""
        return Unfetchable(FailureKind.TIMEOUT, "timeout, no complete answer in time")

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._handle is not None:
                with contextlib.suppress(OSError):  # the other side was faster
                    self._handle.shutdown(socket.SHUT_RDWR)

    def _let_go(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None
