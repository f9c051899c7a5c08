"""Patience: how long one picture may take, and how a host is asked no faster than it can bear."""

import random
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Event, Lock

from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.urls import Origin
from imagesignals_pipeline.model import FailureKind

MAX_HOSTS = 1024
"""Hosts that are remembered; the quiet ones among them are forgotten first."""
STRIKES = 9
"""Attempts in a row without an answer after which a host is left alone: three pictures' worth."""
REST_S = 60.0
"""How long it is left alone."""

_chance = random.SystemRandom()


@dataclass(slots=True)
class Allowance:
    """What one picture may still cost: seconds of work, and seconds of waiting."""

    work_s: float
    wait_s: float
    closed: Event

    def wait(self, seconds: float) -> bool:
        """Wait, a little longer than asked so that not all come back at once.

        Returns:
            False, at once, when that is more than is left; False, early, when the fetcher closes.
        """
        if seconds > self.wait_s:
            return False
        spread = min(seconds * _chance.uniform(1.0, 1.1), self.wait_s)
        self.wait_s -= spread
        return not self.closed.wait(spread)

    @contextmanager
    def working(self) -> Generator[float]:
        """Take the time that a block needs from the work, and hand it what there is."""
        begin = time.monotonic()
        try:
            yield self.work_s
        finally:
            self.work_s = max(self.work_s - (time.monotonic() - begin), 0.0)


def backoff_s(attempt: int, first_s: float) -> float:
    """Return a random wait after a failed attempt, counted from 1; it doubles every time.

    Source: "equal jitter" of the usual exponential back-off, half fixed and half random.
    """
    return first_s * 2 ** (attempt - 1) * _chance.uniform(0.5, 1.0)


@dataclass(slots=True)
class _Host:
    slots: BoundedSemaphore
    users: int = 0
    busy_until: float = 0.0
    strikes: int = 0
    last: Unfetchable | None = field(default=None)


class Pacing:
    """Remembers of every host how many ask it, and whether it wants to be left alone."""

    def __init__(self, per_host: int, longest_pause_s: float) -> None:
        self._per_host = per_host
        self._longest_pause_s = longest_pause_s
        self._hosts: dict[Origin, _Host] = {}
        self._lock = Lock()

    @contextmanager
    def turn(self, origin: Origin, allowance: Allowance) -> Generator[None]:
        """Wait until the host may be asked, and count as one of those who ask it.

        Raises:
            Unfetchable: The host wants more patience than the picture has left, or did not
                answer for so long that it is not asked for now.
        """
        with self._lock:
            host = self._remember(origin)
            host.users += 1
        try:
            self._take_slot(host, allowance)
            try:
                yield
            finally:
                host.slots.release()
        finally:
            with self._lock:
                host.users -= 1

    def note(self, origin: Origin, refusal: Unfetchable | None, *, trusted: bool) -> None:
        """Remember how an attempt ended; the operator's own hosts are never given up."""
        with self._lock:
            host = self._remember(origin)
            silent = refusal is not None and (
                refusal.again or refusal.failure.kind is FailureKind.TIMEOUT
            )
            host.strikes = host.strikes + 1 if silent and not trusted else 0
            host.last = refusal
            pause_s = 0.0 if refusal is None else min(refusal.wait_s or 0.0, self._longest_pause_s)
            if host.strikes >= STRIKES:
                pause_s = REST_S
            host.busy_until = max(host.busy_until, time.monotonic() + pause_s)

    def _take_slot(self, host: _Host, allowance: Allowance) -> None:
        """Take one of the host's slots at a moment at which it may be asked.

        Whoever had to wait for a slot looks again, as the host may want a pause by now. Nobody
        keeps a slot while it pauses: pictures wait for the same pause together, not in turn.
        """
        while True:
            self._pause(host, allowance)
            host.slots.acquire()
            if host.busy_until <= time.monotonic():
                return
            host.slots.release()

    def _pause(self, host: _Host, allowance: Allowance) -> None:
        pause_s = host.busy_until - time.monotonic()
        if host.strikes >= STRIKES and pause_s > 0 and host.last is not None:
            kind = host.last.failure.kind
            raise Unfetchable(kind, "host failed many times in a row, not asked for now")
        if pause_s > 0 and not allowance.wait(pause_s):
            raise Unfetchable(FailureKind.RATE_LIMITED, "host asks for more patience")

    def _remember(self, origin: Origin) -> _Host:
        if origin not in self._hosts and len(self._hosts) >= MAX_HOSTS:
            now = time.monotonic()
            self._hosts = {
                key: host
                for key, host in self._hosts.items()
                if host.users or host.busy_until > now
            }
        return self._hosts.setdefault(origin, _Host(BoundedSemaphore(self._per_host)))
