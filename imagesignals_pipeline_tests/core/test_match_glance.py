"""The look at half size: it parts look-alikes that nobody stored anew, and nothing else."""

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, alignment, glance, payload
from imagesignals_pipeline.match.differences import (
    CERTAIN_SPOT,
    FAINT_SPOT,
    ONE_LINE,
    differences,
)
from imagesignals_pipeline.match.shortlist import LEAST_ALIKE
from imagesignals_pipeline_tests.core.test_match_pictures import (
    COPIES,
    dim,
    jpeg,
    receipt,
    statement,
)

VALUES = ((50, 815, 420, 890), (50, 985, 420, 1060), (50, 1155, 420, 1230))
"""Where a receipt's date, time and reference are."""


def over(kind: str) -> Callable[[Image.Image], Image.Image]:
    """Return what draws over all that may differ between two receipts."""

    def drawn(picture: Image.Image) -> Image.Image:
        ink = Image.new("RGB", picture.size, "white")
        pen = ImageDraw.Draw(ink)
        for left, top, right, bottom in VALUES:
            middle = (top + bottom) // 2
            match kind:
                case "bars":
                    pen.rectangle((left, top, right, bottom), "black")
                case "highlighter":
                    pen.rectangle((left, top, right, bottom), (255, 240, 60))
                case "strikes":
                    pen.line((left, middle, right, middle), (200, 30, 30), 10)
                case _:
                    for x in range(left, right - 40, 40):
                        pen.line((x, bottom, x + 40, top), (30, 60, 200), 8)
                        pen.line((x + 40, top, x + 40, bottom), (30, 60, 200), 8)
        return ImageChops.multiply(picture, ink)

    return drawn


MARKS = {kind: over(kind) for kind in ("bars", "highlighter", "strikes", "scribbles")}


def glanced(one: Image.Image, other: Image.Image) -> float | None:
    """Return how much two pictures agree if half the size parts them."""
    a, b = (payload.unpack(each) for each in sorted(map(match.fingerprint, (one, other))))
    guess = alignment.propose(a.words, b.words)
    look = glance.look(a, b, guess, least_share=LEAST_ALIKE)
    return look.share if look.parted else None


def look_alikes() -> Iterator[tuple[Image.Image, Image.Image]]:
    """Yield pairs of receipts and of statements, of which no two are the same."""
    yield from combinations(map(receipt, range(6)), 2)
    yield from combinations([statement(seed, width=1440, size=26) for seed in range(3)], 2)


def test_look_alikes_are_parted_as_by_a_full_comparison() -> None:
    """Where it speaks, the full size has certain spots in more than one place; it speaks often."""
    spoke = 0
    pairs = list(look_alikes())
    for one, other in pairs:
        agreed = glanced(one, other)
        if agreed is None:
            continue
        spoke += 1
        a, b = (payload.unpack(match.fingerprint(each)) for each in (one, other))
        seen = differences(a, b)
        assert seen
        assert seen.spots[0].strength > CERTAIN_SPOT
        tops = [spot.y for spot in seen.spots if spot.strength > FAINT_SPOT]
        assert max(tops) - min(tops) > ONE_LINE
        verdict = match.compare(*map(match.fingerprint, (one, other)))
        assert (verdict.tier, verdict.parted) == (Tier.SAME_TEMPLATE, True)
        assert verdict.similarity_percentage == min(round(100 * agreed), 79)
    assert spoke > 0.8 * len(pairs)


@pytest.mark.parametrize("name", {**COPIES, **MARKS})
@pytest.mark.parametrize("stored", ["PNG", "JPEG"])
def test_it_says_nothing_of_a_copy(name: str, stored: str) -> None:
    """Whatever was drawn on a copy, and over whichever words, is left to the full comparison."""
    original = receipt(1) if stored == "PNG" else jpeg(receipt(1), 90)
    copy = {**COPIES, **MARKS}[name](original)
    assert glanced(original, copy) is None
    assert glanced(copy, original) is None


def test_it_says_nothing_of_one_changed_place() -> None:
    """A copy in which one field was changed is an altered copy, which only the full size tells."""
    true, forged = receipt(1, reference="482915630178"), receipt(1, reference="730264918555")
    assert glanced(true, forged) is None
    assert match.compare(*map(match.fingerprint, (true, forged))).tier is Tier.ALTERED_COPY
    assert glanced(dim("2607344702", 85), dim("8120355991", 85)) is None


@pytest.mark.parametrize("high", [36, 48, 60])
def test_it_says_nothing_of_stickers(high: int) -> None:
    """What covers dense text, higher than a line, is no other words."""
    chance = np.random.default_rng(1)
    original, copy = statement(1, size=36), statement(1, size=36)
    grain = chance.integers(0, 255, (high // 6, 33), dtype=np.uint8)
    sticker = Image.fromarray(grain).resize((200, high)).convert("RGB")
    copy.paste(sticker, (100, 200))
    copy.paste(sticker, (300, 700))
    assert glanced(original, copy) is None
    assert match.compare(*map(match.fingerprint, (original, copy))).same_picture


@pytest.mark.parametrize("lower", [1, 2, 3, 6])
@pytest.mark.parametrize("right", [140, 300, 1040])
def test_it_says_nothing_of_rules_out_of_place(lower: int, right: int) -> None:
    """Rules of a table a pixel off are no other words, however long they are."""
    one, other = receipt(1), receipt(1)
    for picture, down in ((one, 0), (other, lower)):
        pen = ImageDraw.Draw(picture)
        for top in range(600 + down, 1400, 61):
            pen.line((40, top, right, top), (60, 60, 60), 5)
    assert glanced(one, other) is None


@pytest.mark.parametrize("quality", [10, 20, 30])
def test_it_says_nothing_of_pictures_that_were_stored_anew(quality: int) -> None:
    """Half the size does not tell another digit from the noise of a smaller JPEG."""
    smaller = jpeg(receipt(2).resize((720, 1333)), quality)
    assert glanced(receipt(1), smaller) is None
