"""Photographs, which show no text: found again by their landmarks, which are no print."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from random import Random

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, alignment, differences, landmarks, payload, rows
from imagesignals_pipeline.match.payload import Print
from imagesignals_pipeline.match.words import Words
from imagesignals_pipeline_tests.core.drawing import page
from imagesignals_pipeline_tests.core.test_match_pictures import jpeg, receipt
from imagesignals_pipeline_tests.evaluation.nature import photo


def smaller(picture: Image.Image, times: float) -> Image.Image:
    """Return the picture with its sides that many times as long."""
    return picture.resize((round(picture.width * times), round(picture.height * times)))


def cropped(picture: Image.Image, share: float) -> Image.Image:
    """Cut off that share of the picture's sides, all around."""
    wide, high = picture.size
    left, top = round(wide * share), round(high * share)
    return picture.crop((left, top, wide - left, high - top))


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": lambda picture: jpeg(picture, 60),
    "sent on": lambda picture: jpeg(smaller(picture, 0.6), 68),
    "half the size": lambda picture: smaller(picture, 0.5),
    "cropped": lambda picture: jpeg(cropped(picture, 0.05), 80),
    "brighter": lambda picture: jpeg(ImageEnhance.Brightness(picture).enhance(1.2), 80),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
}


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("seed", [9, 13, 15, 18])
def test_a_copy_of_a_photograph_is_found(name: str, seed: int) -> None:
    """Its words are accidents of one compression, and no copy of these has them; landmarks stay."""
    original = photo(Random(seed))
    one, other = (match.fingerprint(each) for each in (original, COPIES[name](original)))
    assert match.compare(one, other).same_picture


def test_photographs_of_other_things_are_different() -> None:
    """Their landmarks are not the same."""
    several = [photo(Random(seed)) for seed in range(8)]
    for one, other in combinations(map(match.fingerprint, several), 2):
        assert match.compare(one, other).tier is Tier.DIFFERENT


def notice(picture: Image.Image, seed: int) -> Image.Image:
    """Write a bank's notice on a photograph, as on a locked screen; only its numbers vary."""
    shown, random = picture.copy(), Random(seed)
    pen, font = ImageDraw.Draw(shown), ImageFont.load_default(34)
    pen.rounded_rectangle((30, 400, shown.width - 30, 640), 20, "#f4f4f6")
    day, reference = random.randint(10, 28), random.randint(10**11, 10**12)
    lines = (
        f"Rs 2,500.00 debited on {day} March 2025",
        "to Lotus Park Residents Association",
        f"Reference {reference}",
        f"Balance Rs {random.randint(10_000, 99_999)}.00",
    )
    for row, line in enumerate(lines):
        pen.text((60, 420 + 52 * row), line, "#111", font)
    return shown


@pytest.mark.parametrize("blur", [0, 2, 3, 4, 6])
@pytest.mark.parametrize("seed", [0, 1, 9, 13])
def test_other_text_on_one_photograph_is_another_picture(seed: int, blur: int) -> None:
    """All landmarks agree, and the numbers do not: even where these are blots."""
    behind = photo(Random(seed))
    one, other = (
        match.fingerprint(notice(behind, number).filter(ImageFilter.GaussianBlur(blur)))
        for number in (1, 2)
    )
    assert not match.compare(one, other).same_picture


def test_screenshots_have_no_landmarks() -> None:
    """Flat ground between all that is written says that a program drew it, grain or not."""
    screen = page(1080, 2340)
    grain = np.random.default_rng(1).normal(0, 4, (screen.height, screen.width, 3))
    grainy = Image.fromarray(np.clip(np.asarray(screen) + grain, 0, 255).astype(np.uint8))
    for each in (screen, jpeg(screen, 30), grainy, smaller(screen, 0.4)):
        assert not landmarks.is_photograph(np.asarray(smaller(each, 360 / each.width).convert("L")))


def with_words(*rows_of_words: tuple[float, float, float, float]) -> Print:
    """Return a receipt's print with other words, each by its centre and spread."""
    table = np.array(rows_of_words, np.float32)
    codes = np.random.default_rng(1).integers(0, 2**64, len(table), np.uint64)
    seen = payload.unpack(match.fingerprint(receipt(1)))
    return replace(seen, words=Words(table[:, :2], table[:, 2:], codes))


PRINT = [(50.0, 20.0 * line, 5.1, 5.0) for line in range(1, 7)]
LANDMARK = (50.0, 200.0, 5.0, 5.0)


def test_landmarks_have_no_height() -> None:
    """The usual line is that of the print; without print it is what is usual."""
    large = (90.0, 90.0, 40.0, 40.0)
    assert with_words(*PRINT, *[large] * 20).words.height == with_words(*PRINT).words.height
    assert 7 < with_words(*[large] * 20).words.height < 9


def test_landmarks_beyond_the_other_frame_are_no_text_there() -> None:
    """What lies around a photographed screen; of a photograph it is all there is."""
    outside = (50.0, 5000.0, 5.0, 5.0)
    other = with_words(*PRINT)
    of_screen = differences._beyond(with_words(*PRINT, outside), alignment.IDENTITY, other)
    of_photograph = differences._beyond(with_words(outside), alignment.IDENTITY, other)
    assert (of_screen.all, of_photograph.all) == (0, 1)


def test_a_landmark_is_no_row_of_a_list() -> None:
    """Also where it happens to be as high as the print, and in its column."""
    alone = np.zeros((700, 400), bool)
    alone[200, 50] = True
    places = alignment.IDENTITY, alignment.IDENTITY, alone
    word = (*LANDMARK[:2], 5.1, 5.0)
    other = with_words(*PRINT)
    assert rows.added(with_words(*PRINT, word), other, *places) == 1
    assert rows.added(with_words(*PRINT, LANDMARK), other, *places) == 0
