"""A messenger's copy is known by its size, and a screen's own picture is never called one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline.analyse.formats import Format
from imagesignals_pipeline.analyse.messengers import (
    LONG_SIDES_PX,
    SCREENS_PX,
    scaled_by_messenger,
)
from imagesignals_pipeline.demo import Kind, society
from imagesignals_pipeline.demo.uploads import Form, Upload, render
from imagesignals_pipeline.model import Analysis, Signals
from imagesignals_pipeline.picture import inspect
from imagesignals_pipeline_tests.core.drawing import encode, page

SAID = "a size to which messengers scale pictures down"


def signals(content: bytes) -> Signals:
    """Return what a file's bytes tell."""
    analysis = inspect(content)
    assert isinstance(analysis, Analysis)
    return analysis.signals


@pytest.mark.parametrize("screen", [(1080, 2340), (1170, 2532), (1080, 2280), (1284, 2778)])
@pytest.mark.parametrize("longest", sorted(LONG_SIDES_PX))
def test_what_a_messenger_makes_of_a_screenshot(screen: tuple[int, int], longest: int) -> None:
    """Scaled down to a messenger's long side, upright or not, as JPEG without metadata."""
    width = round(screen[0] * longest / screen[1])
    for size in ((width, longest), (longest, width)):
        assert scaled_by_messenger(Format.JPEG, *size, has_exif=False)
        assert not scaled_by_messenger(Format.PNG, *size, has_exif=False)
        assert not scaled_by_messenger(Format.JPEG, *size, has_exif=True)


@given(st.sampled_from(sorted(SCREENS_PX)), st.booleans())
def test_a_screen_of_that_size(screen: tuple[int, int], turned: bool) -> None:
    """A phone or tablet whose own screen is that long makes such pictures itself."""
    size = screen[::-1] if turned else screen
    assert not scaled_by_messenger(Format.JPEG, *size, has_exif=False)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_other_sizes_say_nothing(width: int, height: int) -> None:
    """Only a picture that is exactly as long as a messenger's says something."""
    said = scaled_by_messenger(Format.JPEG, width, height, has_exif=False)
    assert not said or max(width, height) in LONG_SIDES_PX


def test_the_notes_tell_it() -> None:
    """It is a clause of the sentence about the file, and changes no other signal's meaning."""
    copy = signals(encode(page(738, 1600), "JPEG", quality=80))
    own = signals(encode(page(738, 1600)))
    assert copy.metadata_notes.endswith(f"; 738 x 1600 pixels, {SAID}.")
    assert SAID not in own.metadata_notes
    assert copy.looks_like_screenshot
    assert own.looks_like_screenshot


def test_the_demonstration_society() -> None:
    """Of its honest receipts it is said of one that was sent on, and of none that was not."""
    examples: dict[Form, Upload] = {}
    for each in society():
        content = each.content
        if each.kind is Kind.HONEST and isinstance(content, Upload) and content.change is None:
            device = content.receipt.device
            sent = (round(1600 * device.width / device.height), 1600)
            if sent not in SCREENS_PX:
                examples.setdefault(content.form, content)
    said = {form: SAID in signals(render(one)).metadata_notes for form, one in examples.items()}
    assert said == {form: form is Form.MESSENGER for form in said}
    assert set(said) == {Form.PNG, Form.JPEG, Form.MESSENGER}
