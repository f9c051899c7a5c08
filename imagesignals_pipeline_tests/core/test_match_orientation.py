"""Pictures that lie on their side: compared as if they had been turned upright."""

from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from PIL import Image

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Tier, payload
from imagesignals_pipeline_tests.core.drawing import DARK, page
from imagesignals_pipeline_tests.core.test_match_pictures import (
    jpeg,
    passbook,
    receipt,
    statement,
)
from imagesignals_pipeline_tests.evaluation.nature import photo

LEFT, RIGHT = Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270
SIDES = pytest.mark.parametrize("side", [LEFT, RIGHT], ids=["left", "right"])


def grained(picture: Image.Image) -> Image.Image:
    """Return the picture on rough paper."""
    grain = np.random.default_rng(1).normal(0, 9, (picture.height, picture.width, 1))
    return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "receipt": lambda: receipt(1),
    "large receipt": lambda: receipt(1).resize((1620, 3000)),
    "half of it": lambda: receipt(1).crop((0, 0, 1080, 1000)),
    "dense page": lambda: statement(1),
    "list": lambda: passbook(9, footer=True),
    "dark": lambda: page(1080, 2340, colours=DARK),
    "rough": lambda: grained(statement(1)),
}


@SIDES
@pytest.mark.parametrize("name", PICTURES)
def test_a_copy_on_its_side_is_found(name: str, side: Image.Transpose) -> None:
    """Turned to either side, and saved again."""
    original = PICTURES[name]()
    copy = jpeg(original.transpose(side), 70)
    verdict = match.compare(match.fingerprint(original), match.fingerprint(copy))
    assert verdict.same_picture
    assert verdict.explanation == "the same text in the same places; one of them is turned"


@SIDES
def test_two_on_one_side_are_compared_as_well(side: Image.Transpose) -> None:
    """Nothing is said of their being turned: both are."""
    one = match.fingerprint(receipt(1).transpose(side))
    copy = match.fingerprint(jpeg(receipt(1).transpose(side), 60))
    other = match.fingerprint(receipt(2).transpose(side))
    assert match.compare(one, copy).explanation == "the same text in the same places"
    assert match.compare(one, other).tier is Tier.SAME_TEMPLATE


@SIDES
def test_another_receipt_on_its_side_is_no_copy(side: Image.Transpose) -> None:
    """It is compared as strictly as one that is upright."""
    one, other = match.fingerprint(receipt(1)), match.fingerprint(receipt(2).transpose(side))
    assert match.compare(one, other).tier is Tier.SAME_TEMPLATE


@SIDES
def test_a_thumbnail_is_kept_upright(side: Image.Transpose) -> None:
    """Place and size of what it shows are of the upright picture, and so are its pixels."""
    upright, turned = (
        payload.unpack(match.fingerprint(each)) for each in (receipt(1), receipt(1).transpose(side))
    )
    assert (upright.turns, turned.turns) == (0, 1 if side is LEFT else 3)
    assert (turned.width, turned.height, turned.left, turned.top, turned.scale) == (
        upright.width,
        upright.height,
        upright.left,
        upright.top,
        upright.scale,
    )
    assert turned.coded == upright.coded


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_upright_stays_as_it_is(name: str) -> None:
    """No second look turns it."""
    assert payload.unpack(match.fingerprint(PICTURES[name]())).turns == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_photograph_is_not_turned(seed: int) -> None:
    """What would be words in it, either way, are accidents."""
    for picture in (photo(Random(seed)), photo(Random(seed)).transpose(LEFT)):
        stored = match.fingerprint(picture)
        assert not stored or payload.unpack(stored).turns == 0
