"""One screenshot_url to bytes or a Failure."""

from typing import Self
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from imagesignals_pipeline.fetch.settings import FetchSettings
from imagesignals_pipeline.fetch.urls import UnusableUrl, WebUrl, clean, has_scheme, parse
from imagesignals_pipeline.model import Failure, FailureKind


class Fetcher:
    """Fetches screenshots within the limits of its settings; safe to share between threads."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        self._adapter = HTTPAdapter(pool_maxsize=settings.per_host)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept for reuse."""
        self._adapter.close()

    def fetch(self, screenshot_url: str) -> bytes | Failure:
        """Return the picture's bytes, or why there are none.

        Raises:
            StorageMisconfigured: No picture can be had until the operator changes a setting.
        """
        try:
            return self._ask(self._absolute(screenshot_url))
        except UnusableUrl as reason:
            return Failure(FailureKind.INVALID_URL, f"Failed to fetch: invalid URL, {reason}")
        except requests.RequestException:
            return Failure(FailureKind.NETWORK, "Failed to fetch: no connection")

    def _absolute(self, screenshot_url: str) -> WebUrl:
        text = clean(screenshot_url)
        if has_scheme(text):
            return parse(text)
        if not self._settings.places:
            raise UnusableUrl("a bare path")
        place = self._settings.places[0]
        return parse(place.text.rstrip("/") + "/" + quote(text.lstrip("/")))

    def _ask(self, url: WebUrl) -> bytes | Failure:
        if url.origin not in self._settings.trusted:
            return Failure(FailureKind.FORBIDDEN_ADDRESS, "Failed to fetch: not a trusted origin")
        request = requests.Request("GET", url.text, {"Accept-Encoding": "identity"}).prepare()
        with self._adapter.send(request, stream=True, timeout=10.0) as response:
            status = response.status_code
            if status != requests.codes.ok:
                kind = FailureKind.NOT_FOUND if status in {404, 410} else FailureKind.SERVER_ERROR
                return Failure(kind, f"Failed to fetch: {status}")
            body = response.raw.read(self._settings.max_bytes + 1)
        if not body:
            return Failure(FailureKind.EMPTY, "Failed to fetch: the file is empty")
        if len(body) > self._settings.max_bytes:
            return Failure(FailureKind.TOO_MANY_BYTES, "Failed to fetch: too large")
        return body
