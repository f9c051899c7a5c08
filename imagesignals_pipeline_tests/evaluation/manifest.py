"""The list of an evaluation set: one line of JSON for each picture, in order of submission."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from imagesignals_pipeline_tests.evaluation.receipts import Half

Kind = Literal["honest", "copy", "forged", "retaken", "photo", "blank"]

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture of a half.

    `file` is relative to the half's directory. `copy_of` names the file of the original of a copy
    or a forgery; a `retaken` one shows the same receipt under another status bar. `series` is
    shared by one flat's look-alikes. `alteration` is the name of what was done to a copy, or to an
    honest picture before it was first submitted, or the forged field. `family` and `hard` are the
    alteration's.
    """

    file: str
    half: Half
    template: str
    flat: str
    series: str
    kind: Kind
    copy_of: str | None = None
    alteration: str = ""
    family: str = ""
    hard: bool = False


def save(entries: Iterable[Entry], directory: Path) -> None:
    """Write the manifest of a directory."""
    lines = (json.dumps(asdict(entry)) for entry in entries)
    (directory / MANIFEST).write_text("\n".join(lines) + "\n")


def load(directory: Path) -> list[Entry]:
    """Read a manifest back, in order of submission."""
    return [Entry(**json.loads(line)) for line in (directory / MANIFEST).read_text().splitlines()]


def consecutive(entries: Iterable[Entry], directory: Path) -> Iterator[tuple[Path, Path]]:
    """Yield honest receipts of one series, each with the next one."""
    last: dict[str, Path] = {}
    for entry in entries:
        if entry.kind == "honest":
            if entry.series in last:
                yield last[entry.series], directory / entry.file
            last[entry.series] = directory / entry.file
