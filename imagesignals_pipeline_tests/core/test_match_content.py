"""Thumbnails of the same pixels are the same, whatever else the pictures show."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from imagesignals_pipeline import match
from imagesignals_pipeline.match import alignment, content, payload
from imagesignals_pipeline.match.content import Content
from imagesignals_pipeline.match.raster import Greys
from imagesignals_pipeline_tests.core.test_match_pictures import receipt


def of(picture: Image.Image) -> Content:
    """Return the content of a picture."""
    return content.find(np.asarray(picture.convert("L")))


def in_place(shown: Content, step: int) -> Greys:
    """Return a thumbnail where it lies in its whole picture, the rest white."""
    high, wide = shown.picture.shape
    whole = np.full((round(high * shown.scale(step)), round(wide * shown.scale(step))), 255)
    x, y = shown.corner(step)
    thumbnail = shown.at(step)
    whole[y : y + thumbnail.shape[0], x : x + thumbnail.shape[1]] = thumbnail
    return whole.astype(np.uint8)


@pytest.mark.parametrize("left", [31, 47, 50, 58])
@pytest.mark.parametrize("step", [-3, 0, 5])
def test_margins_that_end_elsewhere_change_no_pixel(left: int, step: int) -> None:
    """A word farther to the left widens the content; all other words stay as they were."""
    pictures = [Image.new("RGB", (1080, 2400), "white") for _ in range(2)]
    for picture in pictures:
        ImageDraw.Draw(picture).text((61, 401), "Reference 4829 1563 0178", "black", font_size=40)
    ImageDraw.Draw(pictures[1]).text((left, 1203), "Paid", "black", font_size=40)
    one, other = map(of, pictures)
    assert one.at(step).shape != other.at(step).shape
    assert one.scale(step) == other.scale(step)
    halves = {side % 2 for shown in (one, other) for side in shown.corner(step)}
    assert halves == {0}  # else half the size would have other cells
    upper = slice(0, round(900 * one.scale(step)))
    assert (in_place(one, step)[upper] == in_place(other, step)[upper]).all()


@pytest.mark.parametrize("share", [0.5, 0.617, 0.75, 1.3])
def test_a_copy_of_another_size_has_a_thumbnail_of_the_same(share: float) -> None:
    """What a messenger shrinks lies cell on cell with its original."""
    original = receipt(1)
    copy = original.resize((round(1080 * share), round(2000 * share)))
    one, other = of(original), of(copy)
    assert one.usual == other.usual
    sizes = [np.array(shown.at(shown.usual).shape) for shown in (one, other)]
    assert (np.abs(sizes[0] - sizes[1]) <= 4).all()


def test_steps_are_of_one_ratio() -> None:
    """A step more is a fortieth more pixels to a side, and takes the thumbnail with it."""
    shown = of(receipt(1))
    assert shown.scale(4) / shown.scale(0) == pytest.approx(content.STEP**4, abs=0.005)
    assert content.steps(content.STEP**7) == pytest.approx(7)


def test_little_content_is_shown_larger_but_not_without_end() -> None:
    """A few words in the middle of a large page come in as many pixels as are useful."""
    page = Image.new("RGB", (6000, 6000), "white")
    words = receipt(1).crop((40, 460, 700, 960))
    page.paste(words, (2800, 2800))
    shown = of(page)
    thumbnail = shown.at(shown.usual)
    assert shown.scale(shown.usual) > 3.5 * shown.scale(0)
    assert thumbnail.size < content.WIDE_PIXELS
    assert match.compare(*map(match.fingerprint, (page, words))).same_picture


def test_words_lie_where_they_are_in_a_thumbnail_of_another_step() -> None:
    """A picture that has no room at its usual size keeps the places of its words."""
    chance = np.random.default_rng(1)
    plain = receipt(1)
    noisy = np.asarray(plain).astype(int) + chance.integers(-9, 9, (2000, 1080, 1))
    noisy[:, :, 1:] = noisy[:, :, :1]
    noisy[1000:1400, 700:] = chance.integers(0, 255, (400, 380, 1))
    dense = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    a, b = (payload.unpack(match.fingerprint(each)) for each in (plain, dense))
    assert b.scale < a.scale
    guess = alignment.propose(a.words, b.words)
    assert guess.scale == pytest.approx(b.scale / a.scale, abs=0.01)
    origin = alignment.mapped(a.whole[:1], guess.matrix)[0]
    assert origin == pytest.approx(b.whole[0], abs=1.5)
