"""Screens are known by their even areas and their text, and the sentence accuses nobody."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from imagesignals_pipeline.analyse.screenshot import Validity, judge
from imagesignals_pipeline.analyse.shapes import shape_of
from imagesignals_pipeline.analyse.texture import FEATURELESS_STEPS, Texture, texture
from imagesignals_pipeline.model import ExifSourceType
from imagesignals_pipeline_tests.core.drawing import DARK, INK_ON_PAPER, encode, page, photo

SCREEN = Texture(even=0.9, steps=0.05, text=0.08)


def measured(image: Image.Image) -> Texture:
    """Measure any picture."""
    return texture(image.convert("L"))


def seen(
    image: Image.Image, source: ExifSourceType = ExifSourceType.UNKNOWN, *, document: bool = False
) -> Validity:
    """Judge a picture by its pixels."""
    return judge(*image.size, measured(image), source=source, is_document=document)


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        # Phones, upright.
        (240, 320, "3:4"),
        (480, 800, "9:15"),
        (640, 960, "2:3"),
        (750, 1334, "9:16"),
        (1080, 1920, "9:16"),
        (1440, 2880, "9:18"),
        (1440, 2960, "9:18.5"),
        (1080, 2280, "9:19"),
        (1125, 2436, "9:19.5"),
        (1290, 2796, "9:19.5"),
        (1080, 2340, "9:19.5"),
        (720, 1600, "9:20"),
        (1080, 2400, "9:20"),
        (1080, 2412, "9:20"),
        (1440, 3200, "9:20"),
        (1080, 2460, "9:20.5"),
        (1080, 2520, "9:21"),
        (1644, 3840, "9:21"),
        # Phones that fold: outside and inside.
        (1080, 2640, "9:22"),
        (904, 2316, "9:23"),
        (832, 2268, "9:25"),
        (1080, 2092, "9:17.4"),
        (1812, 2176, "5:6"),
        (1840, 2208, "5:6"),
        # Tablets.
        (768, 1024, "3:4"),
        (2048, 2732, "3:4"),
        (1668, 2388, "7:10"),
        (1640, 2360, "7:10"),
        (1488, 2266, "2:3"),
        (800, 1280, "10:16"),
        (1200, 2000, "9:15"),
        # Laptops and monitors, and phones on their side.
        (1366, 768, "16:9"),
        (1920, 1080, "16:9"),
        (1440, 900, "16:10"),
        (2560, 1600, "16:10"),
        (2256, 1504, "3:2"),
        (2560, 1664, "20:13"),
        (3440, 1440, "21:9"),
        (2560, 1080, "21:9"),
        (5120, 1440, "32:9"),
        (2400, 1080, "20:9"),
        # No screens.
        (1000, 1000, "1:1"),
        (2480, 3508, "1:1.41"),
        (1700, 2200, "8.5:11"),
        (1000, 5200, "1:5.2"),
        (1080, 1480, "1:1.37"),
        (50, 4000, "1:80"),
        (1, 1, "1:1"),
    ],
)
def test_devices_have_their_class(width: int, height: int, name: str) -> None:
    """The class is the one of the device's data sheet, width first."""
    assert shape_of(width, height).name == name


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_turned_picture_has_the_turned_class(width: int, height: int) -> None:
    """The class of a picture on its side is the same, the other way round."""
    first, second = shape_of(width, height).name.split(":")
    turned = shape_of(height, width)
    assert turned.name == (f"{first}:{second}" if width == height else f"{second}:{first}")
    assert turned.ratio == shape_of(width, height).ratio >= 1


@pytest.mark.parametrize("colours", [INK_ON_PAPER, DARK, ("#9aa0a6", "#ffffff")])
@pytest.mark.parametrize("size", [(360, 800), (1080, 2400), (1440, 3088), (1668, 2388)])
def test_pages_of_text_are_screenshots(size: tuple[int, int], colours: tuple[str, str]) -> None:
    """A receipt looks like a screenshot on every device, dark or light, also in pale grey."""
    image = page(*size, colours=colours)
    for picture in (image, reopened(image, 70)):
        validity = seen(picture)
        assert validity.looks_like_screenshot, validity
        assert validity.explanation.startswith("It looks like a screenshot: even areas, text on ")


def reopened(image: Image.Image, quality: int) -> Image.Image:
    """Return the picture as a messenger sends it on."""
    return Image.open(io.BytesIO(encode(image, "JPEG", quality=quality)))


@pytest.mark.parametrize("colours", [INK_ON_PAPER, DARK])
@pytest.mark.parametrize("size", [(360, 800), (1080, 2400), (1920, 1080)])
def test_more_text_has_a_higher_score(size: tuple[int, int], colours: tuple[str, str]) -> None:
    """The score grows with every few lines, and an empty page has none."""
    shares = [measured(page(*size, lines=lines, colours=colours)).text for lines in range(0, 20, 3)]
    assert shares[0] < 0.005
    assert shares == sorted(shares)
    assert shares[-1] > 5 * shares[1] / 2 > 0
    assert 0.01 < shares[-1] < 0.6


def test_dark_and_light_have_the_same_score() -> None:
    """A theme is not a text."""
    light, dark = (measured(page(colours=colours)).text for colours in (INK_ON_PAPER, DARK))
    assert abs(light - dark) < 0.02


def test_the_score_is_of_the_page_and_not_of_the_device() -> None:
    """The same page on a device with more pixels has about the same score."""
    scores = [measured(page(width, width * 20 // 9)).text for width in (360, 720, 1080, 1440)]
    assert max(scores) - min(scores) < 0.05


def test_lines_and_borders_are_no_text() -> None:
    """Rules, frames, buttons and soft gradients of an app do not count."""
    image = Image.new("RGB", (1080, 2400), "white")
    draw = ImageDraw.Draw(image)
    for top in range(100, 2300, 110):
        draw.rounded_rectangle((60, top, 1020, top + 80), 24, outline="grey", width=4)
        draw.line((540, top, 540, top + 80), fill="black", width=5)
    assert measured(image).text < 0.005


@pytest.mark.parametrize("size", [(640, 480), (1536, 2048)])
def test_photos_are_no_screenshots(size: tuple[int, int]) -> None:
    """A photo has the shape of a tablet, and is told by its noise; a camera's mark settles it."""
    image = photo(*size)
    for picture in (image, reopened(image, 80)):
        validity = seen(picture)
        assert not validity.looks_like_screenshot
        assert "as in a photo" in validity.explanation
    settled = seen(page(), ExifSourceType.CAMERA)
    assert not settled.looks_like_screenshot
    assert "camera's exposure data" in settled.explanation


def test_a_photographed_screen_is_a_photo() -> None:
    """Text alone does not make a screenshot: a sensor's noise is everywhere."""
    screen = np.asarray(page().filter(ImageFilter.GaussianBlur(0.7)), dtype=float)
    noisy = screen + np.random.default_rng(1).normal(0, 5, screen.shape)
    validity = seen(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))
    assert validity.text_density_score > 0
    assert not validity.looks_like_screenshot


def test_what_a_file_says_outweighs_its_looks() -> None:
    """A file that says it is a screenshot is one, also when it shows a photo."""
    validity = seen(photo(1080, 2400), ExifSourceType.SCREENSHOT)
    assert validity.looks_like_screenshot
    assert validity.explanation == (
        "The file says that it is a screenshot; it has the shape of a phone's screen."
    )


@pytest.mark.parametrize(
    ("width", "height", "expected", "words"),
    [
        (1080, 2400, True, "the shape of a phone's screen"),
        (2400, 1080, True, "the shape of a phone's screen"),
        (768, 1024, True, "the shape of a tablet's screen"),
        (1920, 1080, True, "a monitor's"),
        (1080, 1480, True, "perhaps it was cropped"),
        (1080, 9000, True, "scrolled"),
        (1080, 19_000, True, "scrolled"),
        (239, 500, False, "smaller than a phone's screen"),
        (1, 1, False, "smaller than a phone's screen"),
        (50, 4000, False, "smaller than a phone's screen"),
        (8000, 6000, False, "larger than any screen"),
    ],
)
def test_sizes_are_weighed(width: int, height: int, expected: bool, words: str) -> None:
    """Tiny and huge pictures are no screens, crops and scrolls may be."""
    validity = judge(width, height, SCREEN, source=ExifSourceType.UNKNOWN, is_document=False)
    assert validity.looks_like_screenshot is expected
    assert words in validity.explanation


def test_a_document_is_no_screenshot() -> None:
    """A page of a PDF is judged as what it is."""
    validity = seen(page(), document=True)
    assert not validity.looks_like_screenshot
    assert validity.explanation == "This is a page of a PDF document, not a screenshot."


@pytest.mark.parametrize("colour", ["black", "white", "#3367d6"])
def test_a_blank_screen_shows_nothing(colour: str) -> None:
    """An even picture has no text, and nothing by which its pixels could be compared."""
    image = Image.new("RGB", (1080, 2400), colour)
    validity = seen(image)
    assert (validity.looks_like_screenshot, validity.text_density_score) == (False, 0)
    assert validity.explanation == "Hardly any text can be seen on it."
    assert measured(image).featureless


def test_only_nearly_empty_pictures_are_featureless() -> None:
    """A status bar on black is nothing to compare; a few lines or a photo are."""
    bar = Image.new("RGB", (1080, 2400), "black")
    writing = ImageDraw.Draw(bar)
    writing.text((60, 40), "10:42", fill="white", font_size=36)
    writing.text((800, 40), "5G 87 %", fill="white", font_size=36)
    assert measured(bar).featureless
    assert not measured(page(1080, 2400, lines=3)).featureless
    blurred = measured(photo(2000, 1500, noise=2))
    assert blurred.steps < FEATURELESS_STEPS
    assert not blurred.featureless


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_any_picture_has_shares(width: int, height: int, seed: int) -> None:
    """Every size down to a single pixel gives shares from 0 to 1 and a judgement."""
    noise = np.random.default_rng(seed).integers(0, 2, (height, width, 3), dtype=np.uint8) * 255
    image = Image.fromarray(noise)
    shares = measured(image)
    assert all(0 <= share <= 1 for share in (shares.even, shares.steps, shares.text))
    validity = seen(image)
    assert 0 <= validity.text_density_score <= 100
    assert validity.explanation.endswith(".")
