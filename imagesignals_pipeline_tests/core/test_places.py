"""Where people are shown that a copy differs."""

import io

import pytest
from PIL import Image

from imagesignals_pipeline import match, settings
from imagesignals_pipeline.match import payload, places
from imagesignals_pipeline.match.places import Box, Seen
from imagesignals_pipeline.review import pictures
from imagesignals_pipeline_tests.core.test_match_pictures import circled, jpeg, receipt

SAMPLE = settings.ROOT / "imagesignals_pipeline_tests" / "evaluation" / "sample"


def seen(original: Image.Image, copy: Image.Image) -> tuple[Seen, Seen]:
    """Return the places where two pictures differ."""
    found = places.places(match.fingerprint(original), match.fingerprint(copy))
    assert found is not None
    return found


def at(picture: Image.Image, x: float, y: float) -> tuple[float, float]:
    """Return where a pixel of a picture lies in its stored thumbnail, which lacks flat margins."""
    stored = payload.unpack(match.fingerprint(picture))
    return (x - stored.left) * stored.scale, (y - stored.top) * stored.scale


def covered(boxes: tuple[Box, ...], picture: Image.Image, x: float, y: float) -> bool:
    """Return whether a box holds a pixel of the picture."""
    left, top = at(picture, x, y)
    return any(
        box.x <= left <= box.x + box.width and box.y <= top <= box.y + box.height for box in boxes
    )


@pytest.mark.parametrize("quality", [90, 40])
def test_a_recompressed_copy_has_no_places(quality: int) -> None:
    """What compression does is nothing to look at, and no part is missing."""
    original = receipt(1)
    assert seen(original, jpeg(original, quality)) == (Seen((), None), Seen((), None))


@pytest.mark.parametrize("name", ["advice_page-00", "ledger_desktop-01", "paynest-15"])
def test_faded_rules_of_tables_are_no_places(name: str) -> None:
    """On real pages compression takes away rules of one pixel; nobody needs to look at them."""
    original = Image.open(SAMPLE / f"{name}.webp").convert("RGB")
    one, other = seen(original, jpeg(original, 40))
    assert (one.differing, other.differing) == ((), ())


def test_what_was_drawn_is_outlined_in_both() -> None:
    """A ring around the amount and an arrow are found, wherever the copy has them."""
    original = receipt(2)
    copy = circled(original).resize((720, 1333))
    one, other = seen(original, copy)
    assert one.differing
    for x, y in ((325, 232), (500, 1150)):
        assert covered(one.differing, original, x, y)
        assert covered(other.differing, copy, x * 2 / 3, y * 2 / 3)
    assert not covered(one.differing, original, 300, 700)


def test_the_order_decides_which_is_which() -> None:
    """The first of the two results is of the first picture, whichever is the coarser one."""
    small, large = receipt(3).resize((540, 1000)), circled(receipt(3))
    forwards, backwards = seen(small, large), seen(large, small)
    assert forwards == (backwards[1], backwards[0])
    assert forwards[0].differing != forwards[1].differing


def test_a_changed_line_is_outlined_and_the_rest_is_not() -> None:
    """An amount written over lies in a box; the rows below it do not."""
    original = receipt(4, amount="2,500.00")
    one, _ = seen(original, receipt(4, amount="9,831.00"))
    assert covered(one.differing, original, 300, 310)
    _, lowest = at(original, 0, 450)
    assert all(box.y + box.height < lowest for box in one.differing)


def test_a_crop_is_framed_on_the_original() -> None:
    """The corners of what the copy shows lie where it was cut; the copy has no frame."""
    original = receipt(5)
    one, other = seen(original, original.crop((0, 400, 1080, 1700)))
    assert other.shared is None
    assert one.shared is not None
    ys = [y for _, y in one.shared]
    assert min(ys) == pytest.approx(at(original, 0, 400)[1], abs=4)
    assert max(ys) == pytest.approx(at(original, 0, 1700)[1], abs=4)


def test_a_picture_is_a_file_that_browsers_show() -> None:
    """JPEG or WebP, of the size that is said."""
    shown = places.picture(match.fingerprint(receipt(7)))
    kinds = {"image/jpeg": b"\xff\xd8", "image/webp": b"RIFF"}
    assert shown.content.startswith(kinds[shown.media_type])
    assert (shown.width, shown.height) > (200, 200)


def test_a_damaged_payload_is_refused() -> None:
    """What cannot be read is an error, not a picture."""
    with pytest.raises(ValueError, match="fingerprint"):
        places.picture(b"\x01 of another version")


def test_a_picture_too_large_to_be_ours_is_not_shown() -> None:
    """It is never decoded: the page has no picture there, and goes on."""
    good = match.fingerprint(receipt(7))
    sink = io.BytesIO()
    Image.new("L", (20_000, 20_000)).save(sink, "JPEG")
    forged = good.removesuffix(payload.unpack(good).coded) + sink.getvalue()
    assert pictures.media(good) == places.picture(good)
    assert pictures.media(forged) is None
