"""A highlighter's bands: what is under them can be read, so it is compared."""

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, alignment, highlighter, payload, pen
from imagesignals_pipeline.match.pair import Pair, in_one_frame
from imagesignals_pipeline_tests.core.test_match_pictures import jpeg, receipt, statement

Rectangle = tuple[int, int, int, int]
DIFFERING = [(40, 514 + 170 * row, 500, 572 + 170 * row) for row in (2, 3, 4)]
"""Date, time and reference of a receipt: all that differs from one to the next."""
BLOCKS = {
    "one block": [(40, 500, 700, 1360)],
    "touching": [(40, 514 + 170 * row, 500, 684 + 170 * row) for row in (2, 3, 4)],
    "with the label": [(40, 470 + 170 * row, 900, 570 + 170 * row) for row in (2, 3, 4)],
}
COLOURS = {"yellow": (250, 210, 0), "pink": (255, 120, 190), "blue": (110, 190, 255)}
INKS = pytest.mark.parametrize("colour", COLOURS)
GROUNDS = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def highlighted(
    picture: Image.Image, colour: str, places: Sequence[Rectangle] = DIFFERING
) -> Image.Image:
    """Lay bands through which text is seen, usually over all that differs."""
    marked = picture.copy()
    ink = ImageDraw.Draw(marked, "RGBA")
    for place in places:
        ink.rounded_rectangle(place, 20, (*COLOURS[colour], 140))
    return marked


def month(seed: int, *, dark: bool) -> Image.Image:
    """Return a receipt on light or dark ground."""
    return ImageOps.invert(receipt(seed)) if dark else receipt(seed)


def laid(one: Image.Image, other: Image.Image) -> Pair:
    """Return two pictures in one frame."""
    a, b = (payload.unpack(match.fingerprint(each)) for each in (one, other))
    coarse, fine = (payload.thumbnail(each.coded) for each in (a, b))
    guess = alignment.propose(a.words, b.words)
    return in_one_frame(coarse, alignment.lay_flat(coarse, fine, guess.matrix), a.words.height)


def bands_of(pair: Pair) -> list[highlighter.Band]:
    """Return the bands of one of two pictures."""
    return highlighter.bands(pair, pen.levels(pair))


@INKS
@GROUNDS
@pytest.mark.parametrize("quality", [95, 75])
def test_bands_over_all_that_differs_hide_nothing(colour: str, quality: int, *, dark: bool) -> None:
    """Whichever of the two has them."""
    for one, other in ((1, 2), (2, 1)):
        marked = match.fingerprint(jpeg(highlighted(month(one, dark=dark), colour), quality))
        plain = match.fingerprint(month(other, dark=dark))
        assert match.compare(marked, plain).tier is Tier.SAME_TEMPLATE


@INKS
@GROUNDS
@pytest.mark.parametrize("block", BLOCKS)
def test_bands_of_several_lines_hide_nothing(colour: str, block: str, *, dark: bool) -> None:
    """They are no light that falls on a screen, and nothing is learnt of grey levels from them."""
    marked = highlighted(month(1, dark=dark), colour, BLOCKS[block])
    for sent in (marked, jpeg(marked, 75), jpeg(marked.resize((648, 1200)), 70)):
        verdict = match.compare(*(match.fingerprint(each) for each in (sent, month(2, dark=dark))))
        assert not verdict.same_picture


@GROUNDS
def test_bands_of_several_colours_may_touch(*, dark: bool) -> None:
    """Each has a paper of its own."""
    marked = month(1, dark=dark)
    for colour, place in zip(COLOURS, BLOCKS["touching"], strict=True):
        marked = highlighted(marked, colour, [place])
    pair = laid(month(2, dark=dark), marked)
    covered = highlighter.mask(pair, bands_of(pair)).mean()
    assert covered == pytest.approx(460 * 510 / (marked.width * marked.height), rel=0.1)


@pytest.mark.parametrize("change", ["gamma", "contrast"])
def test_another_tone_is_no_band(change: str) -> None:
    """A button and a heading are of another shade then, but so is all of their grey levels."""
    original = receipt(1)
    if change == "gamma":
        toned = original.point([round(255 * (level / 255) ** 1.5) for level in range(256)] * 3)
    else:
        toned = ImageEnhance.Contrast(original).enhance(0.75)
    assert bands_of(laid(original, toned)) == []


@INKS
@GROUNDS
def test_a_copy_with_a_band_is_found(colour: str, *, dark: bool) -> None:
    """And said to be marked."""
    original = month(1, dark=dark)
    copy = jpeg(highlighted(original, colour, DIFFERING[2:]), 80)
    verdict = match.compare(match.fingerprint(original), match.fingerprint(copy))
    assert verdict.same_picture
    assert verdict.explanation.endswith("; one of them is marked")


@GROUNDS
def test_the_paper_under_a_band_is_as_bright_as_the_other_afterwards(*, dark: bool) -> None:
    """And its text has about the contrast that it has in the other picture."""
    original = month(1, dark=dark)
    pair = laid(original, highlighted(original, "pink", DIFFERING[2:]))
    bands = bands_of(pair)
    under = highlighter.mask(pair, bands)
    before, after = (
        np.abs(each.b.astype(int) - pair.a)[under].mean()
        for each in (pair, highlighter.taken_off(pair, bands))
    )
    assert len(bands) == 1
    assert before > 5 * after


@GROUNDS
def test_what_covers_text_is_no_band(*, dark: bool) -> None:
    """Neither a bar nor a label with other text on it: nothing can be said of what is under it."""
    original = month(1, dark=dark)
    text, contrary = ("#fff", "#000") if dark else ("#000", "#fff")
    covers = ((text, text), ("#ddd" if dark else "#333", contrary), ("#a04060", text))
    for ground, ink in covers:
        covered = original.copy()
        pencil = ImageDraw.Draw(covered)
        for left, top, right, bottom in DIFFERING:
            pencil.rectangle((left, top, right, bottom + 40), ground)
            pencil.text((left, top + 30), "see my note", ink, font_size=60)
        assert bands_of(laid(original, covered)) == []


@pytest.mark.parametrize(("shape", "width"), [("rectangle", 3), ("ellipse", 8)])
def test_a_ring_around_text_is_no_band(shape: str, width: int) -> None:
    """The paper inside it is as bright as in the other picture."""
    page = statement(1)
    ringed = page.copy()
    for line in range(0, 32, 8):
        place = (600, 42 * line + 38, 900, 42 * line + 80)
        getattr(ImageDraw.Draw(ringed), shape)(place, outline=(220, 30, 30), width=width)
    assert bands_of(laid(page, ringed)) == []


def test_a_band_beside_text_is_a_stroke_as_any() -> None:
    """It hides next to nothing, and of so little text nothing can be learnt."""
    original = receipt(1)
    left, top, right, bottom = 262, *DIFFERING[2][1:]
    beside = highlighted(original, "pink", [(left, top, right + 500, bottom)])
    assert bands_of(laid(original, beside)) == []


def test_a_changed_digit_beside_a_band_is_no_change_in_one_place() -> None:
    """Of two pictures that agree except in one place nobody has marked either."""
    true, forged = (receipt(1, reference=number) for number in ("482915630178", "482915631178"))
    marked = highlighted(forged, "pink", DIFFERING[2:])
    found = [match.compare(*map(match.fingerprint, (true, each))).tier for each in (forged, marked)]
    assert found == [Tier.ALTERED_COPY, Tier.SAME_TEMPLATE]
