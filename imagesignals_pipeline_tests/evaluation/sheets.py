"""Contact sheets of what went wrong, for the eye."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from imagesignals_pipeline_tests.evaluation.alterations import upright
from imagesignals_pipeline_tests.evaluation.manifest import Entry

WIDTH, HEIGHT, HEAD = 420, 900, 44
"""Pixels of the place of a tall picture, and of the words above it; wide ones lie below another."""

PAIRS = 4
"""Pairs on one sheet."""


def save(
    wrongs: dict[str, list[tuple[str, str]]],
    entries: Sequence[Entry],
    pictures: Path,
    target: Path,
) -> None:
    """Write `<kind>-<number>.png`: each picture beside the one it should, or should not, match."""
    target.mkdir(parents=True, exist_ok=True)
    by_file = {entry.file: entry for entry in entries}
    for kind, pairs in wrongs.items():
        for start in range(0, len(pairs), PAIRS):
            sheet = Image.new("RGB", (2 * WIDTH * PAIRS, HEIGHT), (90, 90, 90))
            for column, pair in enumerate(pairs[start : start + PAIRS]):
                shown = [by_file[file] for file in pair if file]
                _paste_pair(sheet, 2 * WIDTH * column, shown, pictures)
            sheet.save(target / f"{kind.replace(' ', '-')}-{start // PAIRS:03}.png")


def _paste_pair(sheet: Image.Image, left: int, pair: Sequence[Entry], pictures: Path) -> None:
    opened = [upright(Image.open(pictures / entry.file)) for entry in pair]
    wide = all(picture.width > picture.height for picture in opened)
    for number, (entry, picture) in enumerate(zip(pair, opened, strict=True)):
        size = (2 * WIDTH - 8, HEIGHT // 2 - HEAD - 4) if wide else (WIDTH - 8, HEIGHT - HEAD - 4)
        picture.thumbnail(size)
        corner = (left + 4 + (0 if wide else WIDTH * number), HEIGHT // 2 * number if wide else 0)
        sheet.paste(picture, (corner[0], corner[1] + HEAD))
        _label(sheet, corner, entry)


def _label(sheet: Image.Image, corner: tuple[int, int], entry: Entry) -> None:
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    x, y = corner
    pen.text((x, y + 4), f"{entry.file} {entry.kind}", (255, 235, 120), font)
    pen.text((x, y + 22), entry.alteration or entry.series, (255, 255, 255), font)
