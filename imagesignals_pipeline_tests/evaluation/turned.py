"""Whether a picture is found again that was turned by a quarter, and what that costs.

A resident photographs a paper from its side, or turns a screenshot in a gallery before sending it
again. One in five copies is compared with its original as they are, with the copy turned to either
side, and with both turned; and so is every receipt with the next one of its series, which is no
copy.

    python -m imagesignals_pipeline_tests.evaluation.turned [--half report] [--jobs 2]
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from PIL import Image

from imagesignals_pipeline import match
from imagesignals_pipeline_tests.evaluation import build, manifest, measure
from imagesignals_pipeline_tests.evaluation.alterations import upright
from imagesignals_pipeline_tests.evaluation.receipts import Half

LEFT, RIGHT = Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270
WAYS: dict[str, tuple[Image.Transpose | None, Image.Transpose | None]] = {
    "as they are": (None, None),
    "one to the left": (None, LEFT),
    "one to the right": (None, RIGHT),
    "both to the left": (LEFT, LEFT),
    "both to the right": (RIGHT, RIGHT),
}
ONE_IN = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """Two pictures, of which the second is a copy of the first or is none."""

    first: Path
    second: Path
    copy: bool


@click.command(help=__doc__)
@click.option("--half", type=click.Choice(["tune", "report", "exam"]), default="report")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
def main(half: Half, seed: int, jobs: int) -> None:
    """Print how many copies are found, and how many other receipts are taken for copies."""
    directory = build.ensure(half, build.DEFAULT_CACHE, seed)
    pairs = list(_pairs(directory))
    counts = Counter[str]()
    for counted in measure.each(judge, pairs, jobs):
        counts += counted
    copies = sum(pair.copy for pair in pairs)
    print(f"{half}: {copies} copies, {len(pairs) - copies} pairs of consecutive receipts")
    for way in WAYS:
        print(f"{way:17} found {counts[f'{way} True']}, accused {counts[f'{way} False']}")


def _pairs(directory: Path) -> Iterator[Compared]:
    entries = manifest.load(directory)
    copies = [each for each in entries if each.kind == "copy" and not each.hard and each.copy_of]
    for each in copies[::ONE_IN]:
        yield Compared(directory / str(each.copy_of), directory / each.file, copy=True)
    for first, second in manifest.consecutive(entries, directory):
        yield Compared(first, second, copy=False)


def judge(pair: Compared) -> Counter[str]:
    """Return in which ways two pictures are taken for the same."""
    pictures = [upright(Image.open(path)) for path in (pair.first, pair.second)]
    stored = [
        {
            turn: match.fingerprint(picture if turn is None else picture.transpose(turn))
            for turn in (None, LEFT, RIGHT)
        }
        for picture in pictures
    ]
    counts = Counter[str]()
    for way, turns in WAYS.items():
        one, other = (each[turn] for each, turn in zip(stored, turns, strict=True))
        counts[f"{way} {pair.copy}"] = match.compare(one, other).same_picture
    return counts


if __name__ == "__main__":
    main()
