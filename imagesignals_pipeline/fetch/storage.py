"""Supabase Storage as it is: the forms of its URLs, its keys, and what its answers mean.

Source: the storage server's own routes and errors (github.com/supabase/storage), as told in
docs/fetching.md.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from imagesignals_pipeline.fetch.refusal import Unfetchable, invalid
from imagesignals_pipeline.fetch.urls import WebUrl, clean, has_scheme, parse
from imagesignals_pipeline.model import FailureKind, OperatorError
from imagesignals_pipeline.settings import STORAGE_URL

MAX_CANDIDATES = 8
"""Places in which one bare path is looked for."""
MAX_ERROR_BYTES = 4096
"""How much of an error's body is read; the storage's own are a hundred bytes."""

_OBJECT = re.compile(
    r"(?P<base>.*?/storage/v1)/(?:object|(?P<render>render/image))/"
    r"(?:(?P<access>public|authenticated|sign)/)?(?P<bucket>[^/]+)/(?P<name>.+)"
)
_NO_BUCKET = frozenset(
    {"authenticated", "copy", "info", "list", "list-v2", "move", "public", "sign", "upload"}
)
"""Words that stand where `/object/BUCKET/...` has its bucket, and are something else."""


class StorageMisconfiguredError(OperatorError):
    """The storage refuses us whatever we ask (wrong key, missing bucket): the run should stop."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A URL to ask, and the headers that belong to it and to no other hop.

    Attributes:
        url: What is asked.
        headers: The key, where the URL is one of ours.
        bucket: The bucket, if it is one that the operator named; then a missing bucket or a
            refused key is the operator's to mend, and no fault of the picture.
        stored: Whether the URL has the form of a stored object, whose errors can be read.
    """

    url: WebUrl
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    bucket: str | None = None
    stored: bool = False


@dataclass(frozen=True, slots=True)
class _Object:
    """One stored picture; `base` is the URL path of the storage, `name` is not percent-encoded."""

    base: str
    access: str | None
    bucket: str
    name: str
    rendered: bool

    def path(self, access: str) -> str:
        """Return the URL path, with every part percent-encoded once."""
        return f"{self.base}/object/{access}/{quote(self.bucket, '')}/{quote(self.name)}"


class Storage:
    """Knows what to ask for a `screenshot_url`, and in which order."""

    def __init__(self, places: tuple[WebUrl, ...], key: str | None) -> None:
        self._places = places
        self._headers = key_headers(key) if key else {}
        roots = [stored(place.path.rstrip("/") + "/-") for place in places]
        self._buckets = {(root.base, root.bucket) for root in roots if root is not None}

    @property
    def buckets_named(self) -> bool:
        """Whether every place is a bucket, which a key needs."""
        return bool(self._buckets) and all(stored(f"{each.path}/-") for each in self._places)

    def asks(self, screenshot_url: str) -> tuple[Ask, ...]:
        """Return what to ask, most likely first; raises Unfetchable for what cannot be asked."""
        text = clean(screenshot_url)
        if has_scheme(text):
            return (self.hop(parse(text)),)
        if not self._places:
            clause = f"a bare path, and {STORAGE_URL} is not set"
            raise Unfetchable(FailureKind.NOT_FOUND, clause)
        path = "/" + text.lstrip("/")
        if stored(path.partition("?")[0]) is not None:
            return (self.hop(self._places[0].join(path)),)
        return tuple(self.hop(url) for url in self._candidates(text.strip("/")))

    def hop(self, url: WebUrl) -> Ask:
        """Return how to ask for a URL, which a redirect may have led to."""
        found = stored(url.path)
        if found is None:
            return Ask(url)
        here = bool(self._places) and url.origin == self._places[0].origin
        if here and (found.base, found.bucket) in self._buckets:
            if self._headers:
                authenticated = url.with_path(found.path("authenticated"))
                return Ask(authenticated, self._headers, found.bucket, stored=True)
            if found.access != "sign":
                return Ask(url.with_path(found.path("public")), bucket=found.bucket, stored=True)
        if found.rendered and found.access == "public":
            url = url.with_path(found.path("public"))  # rendering encodes the picture anew
        return Ask(url, stored=True)

    def probe(self) -> Ask:
        """Return a question that a storage answers well to every key that it accepts."""
        base = min(base for base, _ in self._buckets)
        return Ask(self._places[0].with_path(f"{base}/bucket"), self._headers, stored=True)

    def _candidates(self, text: str) -> list[WebUrl]:
        """Return the URLs that a bare path may mean.

        Names are stored unencoded, so the text as it stands comes first. A name that begins with
        a bucket may live there, or in another bucket that it was mislabelled from (the live
        application once put one bucket before all names), or really be called that.
        """
        names = dict.fromkeys([text, unquote(text), text.partition("?")[0]])
        urls = [
            _below(place, part)
            for name in names
            for part in self._parts(name)
            for place in self._by_bucket(name)
        ]
        return list(dict.fromkeys(urls))[:MAX_CANDIDATES]

    def _parts(self, name: str) -> tuple[str, ...]:
        first, _, rest = name.partition("/")
        return (
            (rest, name) if rest and first in {bucket for _, bucket in self._buckets} else (name,)
        )

    def _by_bucket(self, name: str) -> list[WebUrl]:
        """Return the places, first the one whose bucket the name begins with."""
        label = name.partition("/")[0]
        return sorted(self._places, key=lambda place: f"/{label}/" not in f"{place.path}/")


def key_headers(key: str) -> dict[str, str]:
    """Return the headers that carry a key: the newer kind (`sb_...`) is no bearer token."""
    bearer = {} if key.startswith("sb_") else {"Authorization": f"Bearer {key}"}
    return {"apikey": key, **bearer}


def stored(path: str) -> _Object | None:
    """Return the object that a percent-encoded URL path names, or None if it has another form."""
    match = _OBJECT.fullmatch(path)
    if match is None or (match["access"] is None and match["bucket"] in _NO_BUCKET):
        return None
    try:
        bucket = unquote(match["bucket"], errors="strict")
        name = unquote(match["name"], errors="strict")
    except UnicodeDecodeError:
        raise invalid("not UTF-8") from None
    clean(bucket + name)
    if "/" in bucket or not {".", ".."}.isdisjoint([bucket, *name.split("/")]):
        raise invalid("with dot segments")
    return _Object(match["base"], match["access"], bucket, name, match["render"] is not None)


def reported(status: int, body: bytes) -> tuple[int, frozenset[str]]:
    """Return the status that an error means, and its code, name and message in lower case.

    A message may repeat what was asked for: only the whole of it says anything.

    The storage answers 400 to most that it refuses and puts the real status into the body.

    >>> status, words = reported(400, b'{"statusCode":"404","error":"Not_Found","message":"No"}')
    >>> status, sorted(words)
    (404, ['no', 'not_found'])
    """
    try:
        error: Any = json.loads(body)
    except (ValueError, RecursionError):
        return status, frozenset()
    if not isinstance(error, dict):
        return status, frozenset()
    code = str(error.get("statusCode", ""))
    words = (str(error[name]).lower() for name in ("code", "error", "message") if name in error)
    return int(code) if re.fullmatch(r"[45]\d\d", code) else status, frozenset(words)


def _below(place: WebUrl, name: str) -> WebUrl:
    if not {".", ".."}.isdisjoint(name.split("/")):
        raise invalid("with dot segments")
    return place.with_path(f"{place.path.rstrip('/')}/{quote(name)}")
