"""A small society whose pictures are small too, and the storage that serves and counts them."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from random import Random
from typing import Self

from PIL import Image, UnidentifiedImageError

from imagesignals_pipeline.demo import DemoSubmission, Kind, society
from imagesignals_pipeline.demo.uploads import render
from imagesignals_pipeline_tests.fetch.servers import Answer, Line, Seen, Server, reply

MONTHS = ("2025-10-01", "2025-11-01")
WANTED = {
    Kind.EXACT_COPY: 3,
    Kind.RECOMPRESSED: 3,
    Kind.RESIZED: 1,
    Kind.TWIN: 1,
    Kind.OTHER_FLAT: 1,
    Kind.HONEST: 5,
    Kind.MISSING: 2,
    Kind.FORBIDDEN: 1,
    Kind.TRUNCATED: 1,
    Kind.SIGN_IN_PAGE: 1,
    Kind.MANUAL_ENTRY: 1,
}
"""Copies bring their originals along: 29 submissions, 28 of them with a screenshot."""
PICTURES = 28
WIDTH = 360
ERRORS = {Kind.MISSING: 404, Kind.FORBIDDEN: 403}


def flats() -> list[DemoSubmission]:
    """Return the submissions, oldest first, half of them in each month, each with its own label."""
    everyone = society()
    by_id = {each.id: each for each in everyone}
    chosen: dict[object, DemoSubmission] = {}
    for kind, count in WANTED.items():
        for each in islice((one for one in everyone if one.kind is kind), count):
            first = by_id[each.copy_of] if each.copy_of else each
            chosen |= {first.id: first, each.id: each}
    ordered = sorted(chosen.values(), key=lambda each: (each.created_at, each.id))
    half = len(ordered) // 2
    return [
        replace(each, flat_id=f"F-{number:03d}", created_at=_moment(number // half, number % half))
        for number, each in enumerate(ordered)
    ]


def _moment(month: int, place: int) -> datetime:
    return datetime(2025, 10 + min(month, 1), 3 + month // 2, tzinfo=UTC) + timedelta(hours=place)


def small(content: bytes) -> bytes:
    """Return a picture scaled down, the same one for the same bytes; other contents as they are."""
    try:
        with Image.open(BytesIO(content)) as picture:
            height = round(picture.height * WIDTH / picture.width)
            smaller = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    except (UnidentifiedImageError, OSError):
        return content
    out = BytesIO()
    smaller.save(out, "JPEG", quality=88)
    return out.getvalue()


@dataclass
class Storage:
    """Serves the flats' pictures; `most_at_once` is how many requests it was answering together.

    Attributes:
        pause_s: Longest time an answer takes; the shortest is a tenth of it.
        together: No answer before so many requests have been there at once, or half a minute.
    """

    submissions: list[DemoSubmission] = field(default_factory=flats)
    pause_s: float = 0.3
    together: int = 0
    most_at_once: int = 0
    asked: Counter[str] = field(default_factory=Counter[str])

    def __enter__(self) -> Self:
        self._now = 0
        self._lock = threading.Lock()
        self._chance = Random(5)
        answers = {f"/{each.path}": self._counted(_answer(each)) for each in self.submissions}
        self._server = Server(answers).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    @property
    def base_url(self) -> str:
        """Where paths begin."""
        return f"{self._server.url}/"

    def _counted(self, answer: Answer) -> Answer:
        def counting(line: Line, seen: Seen) -> object:
            with self._lock:
                self._now += 1
                self.asked[seen.path] += 1
                self.most_at_once = max(self.most_at_once, self._now)
                pause_s = self.pause_s * self._chance.uniform(0.1, 1)
            try:
                self._gather()
                time.sleep(pause_s)
                return answer(line, seen)
            finally:
                with self._lock:
                    self._now -= 1

        return counting

    def _gather(self) -> None:
        deadline = time.monotonic() + 30
        while self.most_at_once < self.together and time.monotonic() < deadline:
            time.sleep(0.05)


def _answer(submission: DemoSubmission) -> Answer:
    if submission.kind in ERRORS:
        return reply(ERRORS[submission.kind])
    if submission.content is None:
        return reply(404)
    return reply(200, small(render(submission.content)))
