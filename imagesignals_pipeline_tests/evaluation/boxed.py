"""Whether a resident's own pen hides that a receipt is another one.

Two consecutive receipts of a series differ in a few places. Around each of these a box, an ellipse
or a wavy line is drawn on one of the two, and on both, or a highlighter's band laid over each, or
over all in one, as by somebody who always marks the date and the reference of what he pays. Neither
pair is a copy; the marked receipt is one of itself.

    python -m imagesignals_pipeline_tests.evaluation.boxed [--half report] [--jobs 2]
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sin
from pathlib import Path

import click
from PIL import Image, ImageDraw

from imagesignals_pipeline import match
from imagesignals_pipeline.match import payload, places
from imagesignals_pipeline_tests.evaluation import build, manifest, measure
from imagesignals_pipeline_tests.evaluation.alterations import upright
from imagesignals_pipeline_tests.evaluation.marks import INKS
from imagesignals_pipeline_tests.evaluation.receipts import Half

Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of a picture."""
SEEN_THROUGH = 110
"""Of 255, how much of a band's colour covers what is under it."""


def box(pen: ImageDraw.ImageDraw, around: Rectangle, ink: tuple[int, int, int], wide: int) -> None:
    """Draw a rectangle."""
    pen.rectangle(around, outline=ink, width=wide)


def ellipse(
    pen: ImageDraw.ImageDraw, around: Rectangle, ink: tuple[int, int, int], wide: int
) -> None:
    """Draw an ellipse."""
    left, top, right, bottom = around
    pen.ellipse((left - 2 * wide, top, right + 2 * wide, bottom), outline=ink, width=wide)


def wave(pen: ImageDraw.ImageDraw, around: Rectangle, ink: tuple[int, int, int], wide: int) -> None:
    """Draw a wavy line under it."""
    left, _, right, bottom = around
    points = [(x, bottom + wide * sin(x / wide)) for x in range(int(left), int(right) + 1)]
    pen.line(points, ink, wide)


def band(pen: ImageDraw.ImageDraw, around: Rectangle, ink: tuple[int, int, int], wide: int) -> None:
    """Lay a highlighter's band over it, through which the text is seen."""
    del wide
    pen.rectangle(around, fill=(*ink, SEEN_THROUGH))


@dataclass(frozen=True, slots=True)
class Style:
    """How somebody marks: each place by itself, or one mark around all."""

    draw: Callable[[ImageDraw.ImageDraw, Rectangle, tuple[int, int, int], int], None]
    all_in_one: bool = False


STYLES = {
    "box": Style(box),
    "ellipse": Style(ellipse),
    "wave": Style(wave),
    "band": Style(band),
    "block": Style(band, all_in_one=True),
}


@click.command(help=__doc__)
@click.option("--half", type=click.Choice(["tune", "report", "exam"]), default="report")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
def main(half: Half, seed: int, jobs: int) -> None:
    """Print how many are taken for copies, and how many copies are found."""
    directory = build.ensure(half, build.DEFAULT_CACHE, seed)
    pairs = list(manifest.consecutive(manifest.load(directory), directory))
    counts = Counter[str]()
    for counted in measure.each(judge, pairs, jobs):
        counts += counted
    print(f"{half}: {counts['pairs']} pairs, {counts['plain']} taken for copies before marks")
    for style in STYLES:
        one, both, copy = (counts[f"{style} {each}"] for each in ("one", "both", "copy"))
        print(f"{style:8} accused: {one} (one marked), {both} (both marked); copies found: {copy}")


def judge(pair: tuple[Path, Path]) -> Counter[str]:
    """Return what two receipts come to, unmarked and marked in each style."""
    pictures = [upright(Image.open(path)) for path in pair]
    plain = [match.fingerprint(picture) for picture in pictures]
    counts = Counter[str]()
    seen = places.places(*plain) if all(plain) else None
    if seen is None or not all(side.differing for side in seen):
        return counts
    counts["pairs"] += 1
    counts["plain"] += match.compare(*plain).same_picture
    for name, style in STYLES.items():
        marked = [
            match.fingerprint(_marked(picture, style, _rectangles(stored, side)))
            for picture, stored, side in zip(pictures, plain, seen, strict=True)
        ]
        counts[f"{name} one"] += match.compare(marked[0], plain[1]).same_picture
        counts[f"{name} both"] += match.compare(*marked).same_picture
        counts[f"{name} copy"] += match.compare(marked[0], plain[0]).same_picture
    return counts


def _rectangles(stored: bytes, side: places.Seen) -> list[Rectangle]:
    """Return the differing places in pixels of the picture, with some room around."""
    printed = payload.unpack(stored)
    room = printed.words.height / 2
    return [
        (
            printed.left + (each.x - room) / printed.scale,
            printed.top + (each.y - room) / printed.scale,
            printed.left + (each.x + each.width + room) / printed.scale,
            printed.top + (each.y + each.height + room) / printed.scale,
        )
        for each in side.differing
    ]


def _in_one(rectangles: Sequence[Rectangle]) -> list[Rectangle]:
    """Return the rectangle around all."""
    lefts, tops, rights, bottoms = zip(*rectangles, strict=True)
    return [(min(lefts), min(tops), max(rights), max(bottoms))]


def _marked(picture: Image.Image, style: Style, rectangles: Sequence[Rectangle]) -> Image.Image:
    marked = picture.copy()
    wide = max(2, round(min(picture.size) / 150))
    pen = ImageDraw.Draw(marked, "RGBA")
    around = _in_one(rectangles) if style.all_in_one else rectangles
    for number, rectangle in enumerate(around):
        style.draw(pen, rectangle, INKS[number % len(INKS)], wide)
    return marked


if __name__ == "__main__":
    main()
