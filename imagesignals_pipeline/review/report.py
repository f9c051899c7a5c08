"""Writes the report: the groups of the review page as files that need nothing beside themselves."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection

from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.review import groups, page, patterns, pictures
from imagesignals_pipeline.review.filters import UNDECIDED
from imagesignals_pipeline.review.groups import Group
from imagesignals_pipeline.review.page import Cover, Leaf
from imagesignals_pipeline.review.pictures import Pair

MOST_GROUPS = 500
"""Of more, those with the latest copies are shown; the served page has all."""
GROUPS_A_FILE = 25
MOST_COPIES = 20
"""Copies of one group that are shown, the latest."""
MOST_ALTERED = 500
"""Submissions that agree with an earlier one except in one place; of more, the latest."""
NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ")
"""The name of a report's folder: when it was made. Nothing with another name is ever removed, but
what a report that was killed has left unfinished."""
NAME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
UNFINISHED = ".new-"


class ReportUnwritableError(OperatorError):
    """The folder of the reports cannot be used."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was written: the first of `files`, and what they tell; `latest` are the groups shown."""

    first_file: Path
    files: int
    groups: int
    groups_shown: int
    copies: int
    copies_undecided: int
    latest: tuple[Group, ...]


def write(  # noqa: PLR0913 - the bounds have defaults
    connection: Connection,
    folder: Path,
    made_at: datetime,
    *,
    show_pictures: bool,
    zone: tzinfo = UTC,
    most_groups: int = MOST_GROUPS,
    groups_a_file: int = GROUPS_A_FILE,
) -> Report:
    """Write the report into a new folder, which appears whole or not at all.

    Times are shown in `zone`; the folder is named in UTC.

    Raises:
        ReportUnwritableError: The files cannot be written.
    """
    latest, total = groups.latest(connection, most=most_groups)
    counts = groups.counts(connection)
    altered, altered_total = groups.altered(connection, most=MOST_ALTERED)
    cover = Cover(
        counts,
        groups.coverage(connection),
        made_at,
        total=total,
        shown=len(latest),
        pictures=show_pictures,
        trends=patterns.trends(connection),
        zone=zone,
        altered=altered,
        altered_total=altered_total,
    )
    target = folder / made_at.astimezone(UTC).strftime(NAME_FORMAT)
    starts = range(0, max(len(latest), 1), groups_a_file)
    parts = [latest[start : start + groups_a_file] for start in starts]
    try:
        _write(target, _documents(connection, parts, cover))
    except OSError as error:
        raise ReportUnwritableError(
            f"The report cannot be written into {folder} ({error.strerror}): "
            "make room there, or correct IMAGESIGNALS_REPORTS."
        ) from None
    return Report(
        first_file=target / _names(len(parts))[0],
        files=len(parts),
        groups=total,
        groups_shown=len(latest),
        copies=counts.copies,
        copies_undecided=counts.decisions.get(UNDECIDED, 0),
        latest=latest,
    )


def expire(folder: Path, now: datetime, *, days: int) -> tuple[int, list[str]]:
    """Remove reports that are older, and what killed ones left; what else lies there stays.

    Returns:
        How many were removed; the names of those that could not be, such as another user's, which
        keep none of the others.
    """
    if not folder.is_dir():
        return 0, []
    oldest = now - timedelta(days=days)
    made = {each: _made_at(each) for each in folder.iterdir() if not each.is_symlink()}
    expired = [each for each, at in made.items() if at and at < oldest]
    expired += [each for each in made if _was_given_up(each, now)]
    left: list[str] = []
    for each in expired:
        try:
            shutil.rmtree(each)
        except OSError:
            left.append(each.name)
    return len(expired) - len(left), sorted(left)


def _was_given_up(folder: Path, now: datetime) -> bool:
    """Return whether a report was being written there, a day ago or longer."""
    if not folder.name.startswith(UNFINISHED) or not folder.is_dir():
        return False
    return datetime.fromtimestamp(folder.stat().st_mtime, UTC) < now - timedelta(days=1)


def _names(files: int) -> list[str]:
    """Return the names of so many files, which sort as they follow each other."""
    width = len(str(files))
    return [f"page-{number:0{width}}.html" for number in range(1, files + 1)]


def _made_at(report: Path) -> datetime | None:
    """Return when a report was made; None when the folder is none."""
    try:
        made_at = datetime.strptime(report.name, NAME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return made_at if NAME.fullmatch(report.name) and report.is_dir() else None


def _documents(
    connection: Connection, parts: Sequence[Sequence[Group]], cover: Cover
) -> Iterable[tuple[str, str]]:
    """Yield name and text of one file after the other: their pictures are never held at once."""
    names = _names(len(parts))
    for number, part in enumerate(parts, start=1):
        cut = [Group(each.original, each.copies[-MOST_COPIES:]) for each in part]
        ids = [member.id for each in cut for member in (each.original, *each.copies)]
        stored = groups.payloads(connection, ids) if cover.pictures else {}
        pairs = [pictures.pairs(each, stored) for each in cut]
        embedded = _embedded([pair for each in pairs for pair in each], stored)
        leaf = Leaf([*zip(part, pairs, strict=True)], embedded, number, names)
        yield names[number - 1], page.report_page(leaf, cover).text


def _embedded(pairs: Iterable[Pair], stored: dict[UUID, bytes]) -> dict[UUID, tuple[str, int, int]]:
    """Return each picture that is drawn, once, as URL, width and height."""
    sides = [side for pair in pairs for side in (pair.original_side, pair.copy_side) if side]
    found = {side.id: pictures.media(stored[side.id]) for side in sides}
    return {
        id_: (page.data_uri(picture.content, picture.media_type), picture.width, picture.height)
        for id_, picture in found.items()
        if picture is not None
    }


def _write(target: Path, documents: Iterable[tuple[str, str]]) -> None:
    """Write files into a folder that only this user can read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=target.parent) as made:
        inner = Path(made) / "report"
        inner.mkdir(mode=0o700)
        for name, text in documents:
            descriptor = os.open(inner / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        if target.exists():  # made in the same second
            shutil.rmtree(target)
        inner.rename(target)
