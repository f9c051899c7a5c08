"""One screenshot_url to bytes or a Failure."""

import time
from threading import Event
from typing import Self

from requests import Response
from urllib3.exceptions import HTTPError

from imagesignals_pipeline.fetch import answers
from imagesignals_pipeline.fetch.connection import Call, Client, calling
from imagesignals_pipeline.fetch.gate import Connect, Gate, Resolver, open_socket, system_resolver
from imagesignals_pipeline.fetch.pacing import Allowance, Pacing, backoff_s
from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.settings import FetchSettings
from imagesignals_pipeline.fetch.storage import Ask, Storage, StorageMisconfiguredError, reported
from imagesignals_pipeline.fetch.watch import Watch
from imagesignals_pipeline.model import Failure, FailureKind
from imagesignals_pipeline.settings import STORAGE_KEY, STORAGE_URL

MAX_REDIRECTS = 3
KEY_PROVEN_S = 60.0
"""How long a key that was accepted is believed in before it is tried again."""
_CLIENT_ERRORS = range(400, 500)


class Fetcher:
    """Fetches screenshots within the limits of its settings; safe to share between threads.

    Connections are kept and used again until it is closed.
    """

    def __init__(
        self,
        settings: FetchSettings,
        resolver: Resolver = system_resolver,
        connect: Connect = open_socket,
    ) -> None:
        self._settings = settings
        self._storage = Storage(settings.places, settings.storage_key)
        self._trusted = settings.trusted
        self._gate = Gate(self._trusted, settings.connect_timeout_s, resolver, connect)
        self._client = Client(
            silence_timeout_s=settings.silence_timeout_s, ca_file=settings.ca_file
        )
        self._pacing = Pacing(settings.per_host, settings.max_wait_s / 3)
        self._closed = Event()
        self._key_proven_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close idle connections; who waits to ask again gives up."""
        self._closed.set()
        self._client.close()

    def fetch(self, screenshot_url: str) -> bytes | Failure:
        """Return the picture's bytes, or why there are none.

        Args:
            screenshot_url: What the database holds: a URL, or a path below the storage.

        Raises:
            StorageMisconfiguredError: No picture can be had until the operator changes a setting.
        """
        try:
            return self._first_found(screenshot_url)
        except Unfetchable as refusal:
            return refusal.failure

    def _first_found(self, screenshot_url: str) -> bytes:
        asks = self._storage.asks(screenshot_url)
        allowance = Allowance(self._settings.deadline_s, self._settings.max_wait_s, self._closed)
        for ask in asks[:-1]:
            try:
                return self._patiently(ask, allowance)
            except Unfetchable as refusal:
                if refusal.failure.kind is not FailureKind.NOT_FOUND:
                    raise
        return self._patiently(asks[-1], allowance)

    def _patiently(self, ask: Ask, allowance: Allowance) -> bytes:
        """Ask again while that can help and there is patience left."""
        for attempt in range(1, self._settings.attempts):
            try:
                return self._attempt(ask, allowance)
            except Unfetchable as refusal:
                pause_s = backoff_s(attempt, self._settings.backoff_s)
                if not refusal.again or not allowance.wait(pause_s):
                    raise
        return self._attempt(ask, allowance)

    def _attempt(self, ask: Ask, allowance: Allowance) -> bytes:
        origin = ask.url.origin
        refusal: Unfetchable | None = None
        with self._pacing.turn(origin, allowance), allowance.working() as seconds:
            try:
                with Watch(seconds) as watch:
                    return self._follow(ask, watch)
            except Unfetchable as raised:
                refusal = raised
                raise
            finally:
                self._pacing.note(origin, refusal, trusted=origin in self._trusted)

    def _follow(self, ask: Ask, watch: Watch) -> bytes:
        """Ask, and go where redirects lead; every hop is looked at like the first."""
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(ask, watch)
            if isinstance(answer, bytes):
                return answer
            ask = answer
        raise Unfetchable(FailureKind.TOO_MANY_REDIRECTS, "too many redirects")

    def _ask(self, ask: Ask, watch: Watch) -> bytes | Ask:
        self._gate.check(ask.url.origin)
        call = Call(self._gate, watch, self._settings.max_bytes)
        try:
            with calling(call), self._client.ask(ask.url, ask.headers) as answer:
                if answer.status_code == answers.OK:
                    return answers.read_body(answer, watch, self._settings.max_bytes)
                if answer.status_code in answers.REDIRECTS:
                    return self._storage.hop(answers.next_hop(ask.url, answer))
                status, words = _meaning(ask, answer)
                retry_after = answer.headers.get("Retry-After")
        except (OSError, HTTPError) as error:
            raise answers.broken(error, watch) from None
        watch.check()
        if ask.bucket is not None:
            self._check_storage(ask, status, words, watch)
        raise answers.verdict(status, words, retry_after)

    def _check_storage(self, ask: Ask, status: int, words: frozenset[str], watch: Watch) -> None:
        """Raise StorageMisconfiguredError where the operator's bucket or key is what fails."""
        if not words.isdisjoint({"bucket not found", "nosuchbucket"}):
            raise StorageMisconfiguredError(_missing(ask))
        if ask.headers and _refused(status, words) and not self._key_accepted(watch):
            raise StorageMisconfiguredError(f"the storage refuses {STORAGE_KEY}: set a valid key")

    def _key_accepted(self, watch: Watch) -> bool:
        """Ask what every accepted key may ask: one forbidden picture does not speak for the key."""
        if time.monotonic() < self._key_proven_until:
            return True
        probe = self._storage.probe()
        call = Call(self._gate, watch, self._settings.max_bytes)
        try:
            with calling(call), self._client.ask(probe.url, probe.headers) as answer:
                accepted = not _refused(*_meaning(probe, answer))
        except (OSError, HTTPError) as error:
            raise answers.broken(error, watch) from None
        if accepted:
            self._key_proven_until = time.monotonic() + KEY_PROVEN_S
        return accepted


def _meaning(ask: Ask, answer: Response) -> tuple[int, frozenset[str]]:
    """Return the status an answer means, and its words if they can be read."""
    status = answer.status_code
    if not ask.stored or status not in _CLIENT_ERRORS:
        return status, frozenset()
    return reported(status, answers.read_error(answer))


def _refused(status: int, words: frozenset[str]) -> bool:
    return status in {401, 403} or "invalidjwt" in words


def _missing(ask: Ask) -> str:
    if ask.headers:
        return f"{STORAGE_URL} names the bucket {ask.bucket}, which the storage does not have"
    return f"the bucket {ask.bucket} is private or missing: set {STORAGE_KEY} or {STORAGE_URL}"
