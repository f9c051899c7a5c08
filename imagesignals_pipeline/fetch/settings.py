"""What the operator says about fetching: where pictures live, whom to trust, how much to bear."""

from dataclasses import dataclass, field
from typing import Self

from imagesignals_pipeline.fetch.addresses import is_own
from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.storage import Storage
from imagesignals_pipeline.fetch.urls import Origin, WebUrl, parse
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.settings import ALLOWED_ORIGINS, STORAGE_KEY, STORAGE_URL


class FetchMisconfiguredError(OperatorError):
    """A setting cannot be used; the message is one line that names the variable to set."""


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """Where pictures live, whom to trust, and how much of anything a picture may cost.

    Attributes:
        storage_url: Where bare paths live; several places, tried in order, are separated by
            commas and share one origin. The origin is trusted, private or not.
        storage_key: Key for the private buckets that `storage_url` names; sent to them only.
        allowed_origins: More trusted origins, such as `http://10.0.0.5:8000`.
        max_bytes: Largest picture, in bytes after decompression.
        deadline_s: Seconds that all work on one picture may take: look-ups, connections,
            answers and redirects of every attempt, without the waits between attempts.
        max_wait_s: Seconds that one picture may wait in all for a host that asked for patience.
        attempts: Most attempts per picture, 1 or more.
        backoff_s: Most seconds between the first attempt and the second; it doubles after that.
        connect_timeout_s: Seconds to wait for a connection to one address.
        silence_timeout_s: Seconds without a byte after which a connection counts as lost.
        per_host: Most simultaneous requests to one host.
        ca_file: Certificates to verify TLS with; without it, the machine's and certifi's.
    """

    storage_url: str | None = None
    storage_key: str | None = field(default=None, repr=False)
    allowed_origins: tuple[str, ...] = ()
    max_bytes: int = 10 * 1024 * 1024
    deadline_s: float = 30.0
    max_wait_s: float = 60.0
    attempts: int = 3
    backoff_s: float = 0.5
    connect_timeout_s: float = 5.0
    silence_timeout_s: float = 10.0
    per_host: int = 10
    ca_file: str | None = None

    def __post_init__(self) -> None:
        """Raise FetchMisconfiguredError unless every value can be used."""
        if self.attempts < 1 or self.per_host < 1 or min(self.max_bytes, self.deadline_s) <= 0:
            raise FetchMisconfiguredError("limits of fetching must be above zero")
        if self.storage_key:
            self._check_key(self.storage_key)
        _ = self.places, self.trusted

    def _check_key(self, key: str) -> None:
        """Raise FetchMisconfiguredError, which does not repeat the key, unless it can be used."""
        if not self.storage_url:
            raise FetchMisconfiguredError(f"{STORAGE_KEY} is set without {STORAGE_URL}: set both")
        if not (key.isascii() and key.isprintable()):
            raise FetchMisconfiguredError(
                f"{STORAGE_KEY} holds characters no key has: copy it again"
            )
        origins = [place.origin for place in self.places]
        if any(each.scheme == "http" and not is_own(each.host) for each in origins):
            raise FetchMisconfiguredError(
                f"{STORAGE_URL} would send {STORAGE_KEY} in clear: begin it with https://"
            )
        if not Storage(self.places, key).buckets_named:
            ending = "/storage/v1/object/public/BUCKET/"
            raise FetchMisconfiguredError(
                f"{STORAGE_KEY} needs a bucket: end {STORAGE_URL} in {ending}"
            )

    @classmethod
    def from_values(
        cls,
        storage_url: str | None = None,
        storage_key: str | None = None,
        allowed_origins: str | None = None,
    ) -> Self:
        """Return the settings that three variables ask for; empty text counts as unset.

        Raises:
            FetchMisconfiguredError: A value cannot be used; the message names its variable.
        """
        return cls(
            storage_url=(storage_url or "").strip() or None,
            storage_key=(storage_key or "").strip() or None,
            allowed_origins=tuple(_listed(allowed_origins or "")),
        )

    @property
    def places(self) -> tuple[WebUrl, ...]:
        """The places of `storage_url`, in the order in which they are tried."""
        places = tuple(_parse(text, STORAGE_URL) for text in _listed(self.storage_url or ""))
        if len({place.origin for place in places}) > 1:
            raise FetchMisconfiguredError(f"{STORAGE_URL} names several hosts: keep to one")
        if any(place.query for place in places):
            raise FetchMisconfiguredError(f"{STORAGE_URL} has a query string: leave it out")
        return places

    @property
    def trusted(self) -> frozenset[Origin]:
        """Origins that may be private addresses and use any port."""
        allowed = [_parse(text, ALLOWED_ORIGINS) for text in self.allowed_origins]
        if any(url.path != "/" or url.query for url in allowed):
            raise FetchMisconfiguredError(
                f"{ALLOWED_ORIGINS} takes origins only: https://host:port"
            )
        return frozenset(url.origin for url in (*self.places, *allowed))


def _listed(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _parse(text: str, variable: str) -> WebUrl:
    try:
        return parse(text)
    except Unfetchable as refusal:
        reason = refusal.failure.detail.removeprefix("Failed to fetch: ")
        raise FetchMisconfiguredError(f"{variable} cannot be used: {reason}") from None
