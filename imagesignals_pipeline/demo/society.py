"""The demonstration society's submissions: fixed, whenever and wherever they are made."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from random import Random

from imagesignals_pipeline.demo.odd_ones import odd_ones
from imagesignals_pipeline.demo.paying import MONTHS, pay_day, upload
from imagesignals_pipeline.demo.residents import Resident, residents
from imagesignals_pipeline.demo.submission import DemoSubmission, Kind, make
from imagesignals_pipeline.demo.uploads import Change, Upload


def society() -> list[DemoSubmission]:
    """Return the society's submissions, oldest first; the same ones at every call."""
    return list(_everyone())


@cache
def _everyone() -> tuple[DemoSubmission, ...]:
    chance = Random("submissions")
    people = residents()
    honest = sorted(_honest(chance, people), key=lambda each: each.created_at)
    reused = _reuse(chance, honest)
    paths = _bare_paths(chance, reused)
    everyone = [*paths, *odd_ones(people)]
    return tuple(sorted(everyone, key=lambda each: (each.created_at, each.id)))


def _honest(chance: Random, people: Iterable[Resident]) -> Iterator[DemoSubmission]:
    """Yield a receipt for most months of regular payers and for a few months of the others."""
    for resident in people:
        for month in range(MONTHS):
            if chance.random() < (0.9 if resident.regular else 0.08):
                paid_at = pay_day(chance, resident, month)
                yield upload(resident, paid_at, resident.habit, Kind.HONEST)


CHANGES = {
    Kind.EXACT_COPY: None,
    Kind.RECOMPRESSED: Change.RECOMPRESSED,
    Kind.RESIZED: Change.RESIZED,
    Kind.CROPPED: Change.CROPPED,
    Kind.FORWARDED: Change.FORWARDED,
}
COPIES_OF_EACH = 6
OTHER_FLATS = 4
TWINS = 2
TWIN_GAP = timedelta(milliseconds=3)


def _reuse(chance: Random, honest: list[DemoSubmission]) -> list[DemoSubmission]:
    """Let some later receipts give way to copies of earlier ones, and upload some twice at once."""
    everyone = {each.id: each for each in honest}
    free = [each for each in honest if _on_a_phone(each)]
    kinds = [*CHANGES, Kind.OTHER_FLAT]
    for kind in kinds:
        for _ in range(OTHER_FLATS if kind is Kind.OTHER_FLAT else COPIES_OF_EACH):
            original, later = _pair(chance, free, other_flat=kind is Kind.OTHER_FLAT)
            free = [each for each in free if each not in (original, later)]
            everyone[later.id] = _copy(original, later, kind)
    for original in chance.sample(free, TWINS):
        twin = make(original.flat_id, original.created_at + TWIN_GAP, Kind.TWIN, original.content)
        everyone[twin.id] = replace(twin, copy_of=original.id)
    return list(everyone.values())


def _on_a_phone(submission: DemoSubmission) -> bool:
    """Whether it is a screenshot with a status bar, which can be cut off."""
    content = submission.content
    return isinstance(content, Upload) and content.receipt.device.status_dp > 0


def _pair(
    chance: Random, free: list[DemoSubmission], *, other_flat: bool
) -> tuple[DemoSubmission, DemoSubmission]:
    """Pick an original and a later submission of the same flat, or of another one."""
    pairs = [
        (first, later)
        for place, first in enumerate(free)
        for later in free[place + 1 :]
        if (first.flat_id != later.flat_id) == other_flat
        and later.created_at - first.created_at > timedelta(days=20)
    ]
    return chance.choice(pairs)


def _copy(original: DemoSubmission, later: DemoSubmission, kind: Kind) -> DemoSubmission:
    """Return the later submission with the original's picture, changed as its kind says."""
    content = original.content
    assert isinstance(content, Upload)
    changed = replace(content, change=CHANGES.get(kind))
    copy = make(later.flat_id, later.created_at, kind, changed)
    return replace(copy, id=later.id, copy_of=original.id)


BARE_PATHS = 6


def _bare_paths(chance: Random, submissions: list[DemoSubmission]) -> list[DemoSubmission]:
    """Let some honest submissions hold a path instead of a URL, as the mobile app once stored."""
    honest = [each.id for each in submissions if each.kind is Kind.HONEST]
    chosen = set(chance.sample(honest, BARE_PATHS))
    return [_bare(each) if each.id in chosen else each for each in submissions]


def _bare(submission: DemoSubmission) -> DemoSubmission:
    assert submission.path is not None
    path = submission.path.replace("/", "_")
    return replace(submission, kind=Kind.BARE_PATH, path=path, screenshot_url=path)
