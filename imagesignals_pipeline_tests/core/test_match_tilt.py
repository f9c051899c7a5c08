"""Pictures that are tilted by some degrees: compared as if they had been photographed straight."""

import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, content, payload, places, tilt
from imagesignals_pipeline.match.raster import Greys
from imagesignals_pipeline_tests.core.drawing import DARK, page
from imagesignals_pipeline_tests.core.test_match_pictures import (
    chat,
    circled,
    form,
    jpeg,
    passbook,
    receipt,
    statement,
    thread,
    year,
)
from imagesignals_pipeline_tests.evaluation import sample
from imagesignals_pipeline_tests.evaluation.nature import photo

SIDE = Image.Transpose.ROTATE_90
ANGLES = pytest.mark.parametrize("degrees", [-8, -5, 3, 5, 8, 10])


def tilted(picture: Image.Image, degrees: float) -> Image.Image:
    """Return the picture as it lies askew on a dark table."""
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=(60, 60, 60))


def straightened(picture: Image.Image, degrees: float) -> Image.Image:
    """Return the picture as a gallery turns it: enlarged until it fills its frame again."""
    wide, high = picture.size
    turn = math.radians(abs(degrees))
    share = 1 / (math.cos(turn) + max(wide, high) / min(wide, high) * math.sin(turn))
    across, down = (1 - share) * wide / 2, (1 - share) * high / 2
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
    return turned.resize(picture.size, box=(across, down, wide - across, high - down))


PICTURES: dict[str, Callable[[int], Image.Image]] = {
    "receipt": receipt,
    "dense page": statement,
    "list": lambda rows: passbook(rows + 4, footer=True),
}


@ANGLES
@pytest.mark.parametrize("name", PICTURES)
def test_a_tilted_copy_is_found(name: str, degrees: int) -> None:
    """Photographed askew, and saved again."""
    original = PICTURES[name](1)
    copy = jpeg(tilted(original, degrees), 70)
    verdict = match.compare(match.fingerprint(original), match.fingerprint(copy))
    assert verdict.same_picture
    assert verdict.explanation.startswith("the same text in the same places; one of them is tilted")


@ANGLES
@pytest.mark.parametrize("name", PICTURES)
def test_another_receipt_that_is_tilted_is_no_copy(name: str, degrees: int) -> None:
    """Not even an altered one: it is compared as strictly as one that is upright."""
    one, other = match.fingerprint(PICTURES[name](1)), tilted(PICTURES[name](2), degrees)
    assert match.compare(one, match.fingerprint(other)).tier is Tier.SAME_TEMPLATE
    both = match.fingerprint(tilted(PICTURES[name](1), 4))
    assert match.compare(both, match.fingerprint(other)).tier is Tier.SAME_TEMPLATE


@pytest.mark.parametrize("degrees", [-8, -5, 5, 8])
def test_a_copy_that_was_turned_in_a_gallery_is_found(degrees: int) -> None:
    """What the gallery cut off is missing, and nothing is said of it."""
    original, other = match.fingerprint(receipt(1)), match.fingerprint(receipt(2))
    copy = match.fingerprint(straightened(receipt(1), degrees))
    assert match.compare(original, copy).same_picture
    assert match.compare(other, copy).tier is Tier.SAME_TEMPLATE


@pytest.mark.parametrize("degrees", [-6, 6])
def test_a_tilted_copy_on_its_side_is_found(degrees: int) -> None:
    """The tilt is taken off first, whichever way the text runs."""
    copy = tilted(receipt(1).transpose(SIDE), degrees)
    stored = match.fingerprint(copy)
    assert match.compare(match.fingerprint(receipt(1)), stored).same_picture
    assert payload.unpack(stored).turns == 1


@pytest.mark.parametrize("degrees", [-12, -7.5, -3, 3, 7.5, 12])
def test_the_tilt_is_kept(degrees: float) -> None:
    """With it the edges that the picture had are known in its thumbnail."""
    original = receipt(1)
    stored = payload.unpack(match.fingerprint(tilted(original, degrees)))
    assert stored.tilt == pytest.approx(-degrees, abs=0.5)
    size = payload.unpack(match.fingerprint(original))
    sides = np.linalg.norm(np.diff(stored.corners, axis=0), axis=1) / stored.scale
    expanded = np.array(tilted(original, degrees).size)
    assert sides[:2] == pytest.approx(expanded, rel=0.03)
    assert (sides[:2] > [size.width, size.height]).all()


def test_places_are_held_by_the_edges_of_a_tilted_picture() -> None:
    """The middle is, each corner of the larger frame that it was turned in is not."""
    stored = payload.unpack(match.fingerprint(straightened(receipt(1), 6)))
    start, end = stored.whole
    corners = np.array([start, [end[0], start[1]], end, [start[0], end[1]]])
    assert not stored.holds(corners).any()
    assert stored.holds(stored.inner_corners).all()
    assert stored.holds(corners.mean(axis=0)[None]).all()


def test_nothing_is_outlined_where_a_gallery_cut_off() -> None:
    """The review page shows how much of the original the copy has, and no mark beside it."""
    original, copy = (match.fingerprint(each) for each in (receipt(1), straightened(receipt(1), 6)))
    seen = places.places(original, copy)
    assert seen is not None
    assert seen[0].shared is not None
    assert not seen[0].differing


UPRIGHT: dict[str, Callable[[], Image.Image]] = {
    "receipt": lambda: receipt(1),
    "dense page": lambda: statement(1),
    "list": lambda: passbook(9, footer=True),
    "thread": lambda: thread(1, 5),
    "chat": lambda: chat(2, wall="#efe7de", bubble="#ffffff", ink="#111111"),
    "table": lambda: year(5, "Paid"),
    "form": lambda: form(1),
    "dark": lambda: page(1080, 2340, colours=DARK),
    "desktop": lambda: page(1600, 900),
    "circled": lambda: circled(receipt(1)),
    "JPEG": lambda: jpeg(receipt(1), 30),
    "on its side": lambda: receipt(1).transpose(SIDE),
}


def no_tilt(_: Greys) -> float:
    """Look for none."""
    return 0.0


def assert_unturned(picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fingerprint is, to the byte, the one that it has where nothing looks for a tilt."""
    stored = match.fingerprint(picture)
    with monkeypatch.context() as without:
        without.setattr(tilt, "degrees", no_tilt)
        assert match.fingerprint(picture) == stored


@pytest.mark.parametrize("name", UPRIGHT)
def test_what_is_upright_keeps_its_fingerprint(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Screenshots have their sharpest rows where they are."""
    assert_unturned(UPRIGHT[name](), monkeypatch)


def test_screenshots_of_many_designs_keep_their_fingerprints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also in Devanagari, of a desktop and of a page."""
    for each in sample.load():
        assert_unturned(each.picture, monkeypatch)


def watermarked(degrees: float) -> Image.Image:
    """Print the society's name all over a receipt, at a slant."""
    picture = receipt(1)
    sheet = Image.new("L", (3000, 3000))
    pen = ImageDraw.Draw(sheet)
    for y in range(0, 3000, 150):
        pen.text((0, y), "LOTUS PARK RWA  COPY  " * 9, 150, font_size=60)
    at = (600, 600, 600 + picture.width, 600 + picture.height)
    picture.paste((200, 200, 205), mask=sheet.rotate(degrees).crop(at))
    return picture


def chart(degrees: float) -> Image.Image:
    """Draw lines that rise evenly over the months."""
    picture = Image.new("RGB", (1080, 1400), "white")
    pen = ImageDraw.Draw(picture)
    rise = 900 * math.tan(math.radians(degrees))
    for top in range(400, 1150, 150):
        pen.line((100, top, 1000, top - rise), (20, 90, 160), 5)
    for month in range(7):
        pen.text((80 + month * 140, 1200), f"{month + 1}/25", "black", font_size=34)
    pen.text((80, 60), "Collections by month", "black", font_size=50)
    return picture


def on_slanted_boards(degrees: float) -> Image.Image:
    """Show a receipt on a table whose boards lie at a slant."""
    picture = Image.new("RGB", (1080, 2000), (120, 90, 60))
    pen = ImageDraw.Draw(picture)
    rise = 1080 * math.tan(math.radians(degrees))
    for y in range(-400, 2400, 60):
        pen.line((0, y, 1080, y + rise), (60, 40, 20), 6)
    picture.paste(receipt(1).resize((760, 1407)), (160, 300))
    return picture


def scribbled(degrees: float) -> Image.Image:
    """Write over a receipt by hand, in rows that rise."""
    picture = receipt(1)
    pen, random = ImageDraw.Draw(picture), Random(1)
    slope = math.tan(math.radians(degrees))
    for row in range(12):
        steps = [8 * step for step in range(70)]
        high = 25 * random.random()
        places = [(100 + x, 250 + 130 * row - slope * x + high * math.sin(x / 6)) for x in steps]
        pen.line(places, (20, 20, 180), 5)
    return picture


def code(seed: int) -> Image.Image:
    """Draw a page that is mostly a QR code."""
    bits = np.random.default_rng(seed).integers(0, 2, (33, 33))
    picture = Image.new("RGB", (1080, 1600), "white")
    squares = Image.fromarray((bits * 255).astype(np.uint8))
    picture.paste(squares.resize((800, 800), Image.Resampling.NEAREST), (140, 300))
    ImageDraw.Draw(picture).text((200, 150), "Scan to pay", "black", font_size=60)
    return picture


@pytest.mark.parametrize("degrees", [-11, -4, 4, 7, 11])
@pytest.mark.parametrize("draw", [watermarked, chart, on_slanted_boards, scribbled])
def test_what_is_slanted_on_an_upright_picture_does_not_turn_it(
    draw: Callable[[float], Image.Image], degrees: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its text has upright strokes and rows of its own, which lie across."""
    assert_unturned(draw(degrees), monkeypatch)


def test_what_has_no_rows_is_not_turned() -> None:
    """Photographs of no text, codes, and noise."""
    noise = np.random.default_rng(1).integers(0, 256, (900, 700), dtype=np.uint8)
    others = [
        code(1),
        code(2),
        Image.fromarray(noise),
        *(photo(Random(seed)) for seed in range(20)),
    ]
    for picture in others:
        stored = match.fingerprint(picture)
        assert not stored or payload.unpack(stored).tilt == 0


@pytest.mark.parametrize("size", [(300, 1800), (20, 90)])
def test_what_is_too_long_or_too_small_is_not_turned(size: tuple[int, int]) -> None:
    """Turned, a strip would have several times its pixels."""
    assert tilt.degrees(np.zeros(size, np.uint8)) == 0


def test_a_slight_tilt_is_left() -> None:
    """Pictures that lie so are laid on each other as they are."""
    shown = content.find(np.asarray(tilted(receipt(1), 2).convert("L")))
    assert tilt.degrees(shown.at(shown.usual)) == 0
