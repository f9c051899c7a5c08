"""Contact sheets of what went wrong, for the eye."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from imagesignals_pipeline_tests.evaluation.alterations import upright
from imagesignals_pipeline_tests.evaluation.manifest import Entry

WIDTH, HEIGHT, PAIRS = 420, 860, 4
"""Pixels of one picture's cell, and pairs on one sheet."""


def save(
    wrongs: dict[str, list[tuple[str, str]]],
    entries: Sequence[Entry],
    pictures: Path,
    target: Path,
) -> None:
    """Write `<kind>-<number>.jpg`: each picture beside the one it should, or should not, match."""
    target.mkdir(parents=True, exist_ok=True)
    by_file = {entry.file: entry for entry in entries}
    for kind, pairs in wrongs.items():
        for start in range(0, len(pairs), PAIRS):
            sheet = Image.new("RGB", (2 * WIDTH * PAIRS, HEIGHT + 44), (90, 90, 90))
            for column, pair in enumerate(pairs[start : start + PAIRS]):
                for side, file in enumerate(pair):
                    if file:
                        place = (2 * column + side) * WIDTH
                        _paste(sheet, place, pictures / file, by_file[file])
            sheet.save(target / f"{kind.replace(' ', '-')}-{start // PAIRS:03}.jpg", quality=88)


def _paste(sheet: Image.Image, left: int, path: Path, entry: Entry) -> None:
    picture = upright(Image.open(path))
    picture.thumbnail((WIDTH - 8, HEIGHT - 8))
    sheet.paste(picture, (left + 4, 44))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    pen.text((left + 6, 4), f"{entry.file} {entry.kind}", (255, 235, 120), font)
    pen.text((left + 6, 22), entry.alteration or entry.series, (255, 255, 255), font)
