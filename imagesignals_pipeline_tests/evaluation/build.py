"""Builds a half of the evaluation set into a cache directory, the same bytes every time."""

import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import get_args

from PIL import Image

from imagesignals_pipeline_tests.evaluation import browser, manifest, nature, scenes
from imagesignals_pipeline_tests.evaluation.alterations import Alteration, upright
from imagesignals_pipeline_tests.evaluation.catalogue import ALTERATIONS, PHONES, TEMPLATES
from imagesignals_pipeline_tests.evaluation.chance import chance, sow
from imagesignals_pipeline_tests.evaluation.manifest import Entry
from imagesignals_pipeline_tests.evaluation.receipts import (
    ForgedField,
    Half,
    Receipt,
    forge,
    receipts_of,
    retake,
)

COPIES_EACH = 28
"""Copies of each alteration: 50 of them make 1,400 a half."""

FORGED_EACH = 24
"""Forged receipts of each field."""

PHOTOGRAPHED = 0.4
"""Share of paper receipts that are photographs."""

READABLE = 0.5
"""Pixels per CSS pixel below which the digits of small print are under 5 pixels high."""

PHOTO_ALTERATIONS = (
    "JPEG 70",
    "sent on",
    "resized to 0.5",
    "all sides 5 % cropped",
    "JPEG 62 4:2:2",
    "forwarded",
    "resized to 0.6 by AREA",
    "all sides cropped by hand",
)
"""What is done to photographs that show no text at all."""

PLAIN = str.maketrans(" ", "-", ":")
"""Makes the name of an alteration part of a file's name."""

DEFAULT_CACHE = Path(".imagesignals/evaluation")


@dataclass(frozen=True, slots=True)
class Original:
    """An honest picture of the set; a photo or a blank has no receipt.

    One that is `rendered` shows the receipt as the browser does, and not photographed paper.
    """

    entry: Entry
    content: bytes
    receipt: Receipt | None = None
    rendered: bool = True


def ensure(half: Half, cache: Path = DEFAULT_CACHE, seed: int = 0) -> Path:
    """Return the directory of a half, building it where it is missing or out of date.

    Another seed than 0 gives other payments, look-alikes and alterations of the same templates.

    Raises:
        browser.BrowserMissingError: It has to be built and there is no Chromium.
    """
    sow(seed)
    directory = cache / (f"{half}-seed-{seed}" if seed else half)
    stamp = directory / "stamp"
    if stamp.exists() and stamp.read_text() == _stamp(half):
        return directory
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache, prefix=f"{half}-", ignore_cleanup_errors=True) as unfinished:
        _fill(Path(unfinished), half)
        shutil.rmtree(directory, ignore_errors=True)
        Path(unfinished).rename(directory)
    return directory


def _fill(directory: Path, half: Half) -> None:
    """Build everything; the directory gets its name when it is complete."""
    manifest.save(_shuffled(list(_build(half, directory)), chance(half)), directory)
    (directory / "stamp").write_text(_stamp(half))


def _build(half: Half, directory: Path) -> Iterator[Entry]:
    originals: list[Original] = []
    with browser.Studio() as studio:
        for original in _honest(half, studio):
            originals.append(original)
            yield _write(original, directory)
        for forged in _forged(half, originals, studio):
            yield _write(forged, directory)
    for copy in _copies(originals):
        yield _write(copy, directory)
    for stray in _strays(half):
        yield _write(stray, directory)


def _honest(half: Half, studio: browser.Studio) -> Iterator[Original]:
    """Render every template; a third arrive as the messenger or the app compressed them."""
    for template in TEMPLATES[half]:
        for number, receipt in enumerate(receipts_of(template)):
            random = chance(f"{half} {template.name} {number} saved")
            png = studio.render(receipt)
            alteration = random.choice(ALTERATIONS[half][1:]) if receipt.worn else None
            photographed = template.paper and random.random() < PHOTOGRAPHED
            if alteration:
                content, suffix = _worn(png, alteration, random)
            elif photographed:
                content, suffix = _photographed(png, random)
            else:
                content, suffix = _saved(png, random)
            entry = Entry(
                file=f"{template.name}-{number:02}{suffix}",
                half=half,
                template=template.name,
                flat=receipt.resident.flat,
                series=receipt.series,
                kind="honest",
                alteration=alteration.name if alteration else "",
                family=alteration.family if alteration else "",
                hard=bool(alteration and alteration.hard),
            )
            yield Original(entry, content, receipt, rendered=not photographed)


def _worn(png: bytes, alteration: Alteration, random: Random) -> tuple[bytes, str]:
    copied = alteration.apply(png, upright(Image.open(io.BytesIO(png))), random)
    return copied.content, copied.suffix


def _photographed(png: bytes, random: Random) -> tuple[bytes, str]:
    return _jpeg(scenes.paper_photo(upright(Image.open(io.BytesIO(png))), random), 88), ".jpg"


def _saved(png: bytes, random: Random) -> tuple[bytes, str]:
    if random.random() < 0.67:
        return png, ".png"
    picture = upright(Image.open(io.BytesIO(png)))
    if random.random() < 0.5 and max(picture.size) > 1600:
        picture.thumbnail((1600, 1600), Image.Resampling.BICUBIC)
    return _jpeg(picture, random.randint(72, 92)), ".jpg"


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality)
    return sink.getvalue()


def _forged(half: Half, originals: list[Original], studio: browser.Studio) -> Iterator[Original]:
    """Render receipts again with one field, or the status bar, changed, saved as JPEG."""
    originals = [one for one in originals if one.rendered]
    fields: tuple[ForgedField, ...] = get_args(ForgedField)
    for field in fields:
        random = chance(f"{half} forged {field}")
        for number, original in enumerate(_spread(originals, FORGED_EACH, random)):
            assert original.receipt is not None
            png = studio.render(forge(original.receipt, field, random))
            entry = _offspring(original, f"forged-{field}-{number:02}.jpg", "forged", field)
            yield Original(entry, _recoded(png, random))
    random = chance(f"{half} retaken")
    with_status = [one for one in originals if one.receipt and _is_phone(one.receipt)]
    for number, original in enumerate(_spread(with_status, FORGED_EACH, random)):
        assert original.receipt is not None
        png = studio.render(retake(original.receipt, random))
        entry = _offspring(original, f"retaken-{number:02}.jpg", "retaken", "status bar")
        yield Original(entry, _recoded(png, random))


def _recoded(png: bytes, random: Random) -> bytes:
    return _jpeg(upright(Image.open(io.BytesIO(png))), random.randint(80, 95))


def _is_phone(receipt: Receipt) -> bool:
    """Whether the picture has a status bar."""
    return receipt.resident.device in PHONES


def _copies(originals: list[Original]) -> Iterator[Original]:
    """Alter originals of every template in every way."""
    half = originals[0].entry.half
    for index, alteration in enumerate(ALTERATIONS[half]):
        random = chance(f"{half} {alteration.name}")
        for number, original in enumerate(_spread(originals, COPIES_EACH, random)):
            yield _copy(original, alteration, f"copy-{index:02}-{number:02}", random)


def _copy(original: Original, alteration: Alteration, name: str, random: Random) -> Original:
    picture = upright(Image.open(io.BytesIO(original.content)))
    copied = alteration.apply(original.content, picture, random)
    suffix = copied.suffix or Path(original.entry.file).suffix
    entry = _offspring(
        original,
        name + suffix,
        "copy",
        alteration.name,
        alteration.family,
        hard=_is_hard(alteration, original),
    )
    return Original(entry, copied.content)


def _is_hard(alteration: Alteration, original: Original) -> bool:
    """Whether a copy has the goal of the hard ones, also because its text is all but unreadable."""
    assert original.receipt is not None
    return alteration.hard or alteration.scale * original.receipt.resident.device.scale < READABLE


def _offspring(  # noqa: PLR0913  # an entry has as many fields
    original: Original,
    file: str,
    kind: manifest.Kind,
    alteration: str,
    family: str = "",
    *,
    hard: bool = False,
) -> Entry:
    return Entry(
        file=file,
        half=original.entry.half,
        template=original.entry.template,
        flat=original.entry.flat,
        series=original.entry.series,
        kind=kind,
        copy_of=original.entry.file,
        alteration=alteration,
        family=family,
        hard=hard,
    )


def _strays(half: Half) -> Iterator[Original]:
    """Blank pictures, and photographs with copies of their own."""
    for name, kind, content in nature.strays(half):
        stray = Original(Entry(name, half, kind, "", name, kind), content)
        yield stray
        if kind == "photo":
            yield from _photo_copies(stray)


def _photo_copies(photo: Original) -> Iterator[Original]:
    random = chance(f"{photo.entry.half} {photo.entry.file}")
    picture = upright(Image.open(io.BytesIO(photo.content)))
    for alteration in ALTERATIONS[photo.entry.half]:
        if alteration.name in PHOTO_ALTERATIONS:
            copied = alteration.apply(photo.content, picture, random)
            name = f"{Path(photo.entry.file).stem}-{alteration.name.translate(PLAIN)}"
            entry = _offspring(photo, name + copied.suffix, "copy", alteration.name, "photograph")
            yield Original(entry, copied.content)


def _spread(originals: list[Original], count: int, random: Random) -> list[Original]:
    """Draw originals that are not worn so that every template has its turn."""
    by_template: dict[str, list[Original]] = {}
    for original in originals:
        if not original.entry.alteration:
            by_template.setdefault(original.entry.template, []).append(original)
    piles = [random.sample(pile, len(pile)) for pile in by_template.values()]
    random.shuffle(piles)
    return [piles[number % len(piles)][number // len(piles)] for number in range(count)]


def _shuffled(entries: list[Entry], random: Random) -> list[Entry]:
    """Order of submission: random, but an original before what was made of it."""
    place = {entry.file: random.random() for entry in entries}
    for entry in entries:
        if entry.copy_of:
            place[entry.file] = random.uniform(place[entry.copy_of], 1)
    return sorted(entries, key=lambda entry: (place[entry.file], entry.copy_of is not None))


def _write(original: Original, directory: Path) -> Entry:
    (directory / original.entry.file).write_bytes(original.content)
    return original.entry


def _stamp(half: Half) -> str:
    """Return a digest of everything that decides the pictures."""
    digest = hashlib.sha256(browser.version().encode())
    package = Path(__file__).parent
    sources = (
        "alterations",
        "alterations_exam",
        "browser",
        "build",
        "catalogue",
        "chance",
        "marks",
        "marks_exam",
        "nature",
        "receipts",
        "scenes",
        "scenes_exam",
    )
    for path in (*(package / f"{name}.py" for name in sources), *package.glob(f"html/{half}/*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
