"""Shape, size, texture and origin -> whether a picture looks like a screenshot, and why.

The sentence is read by a person who decides: it says what was seen and accuses nobody. A photo of
a receipt or a PDF is as good a proof of payment as a screenshot.
"""

from dataclasses import dataclass

from imagesignals_pipeline.analyse.shapes import Shape, shape_of
from imagesignals_pipeline.analyse.texture import Texture
from imagesignals_pipeline.model import ExifSourceType

MIN_SIDE_PX = 240
"""Short side of the smallest phone screens on sale (240 x 320)."""

MAX_SIDE_PX = 7680
"""Long side of the largest screens (8K)."""

SCROLLED_RATIO = 2.9
"""Longer than any phone's screen (25:9): several screens scrolled into one picture."""


@dataclass(frozen=True, slots=True)
class Validity:
    """The validity columns of one picture; the score runs from 0 to 100."""

    aspect_ratio: str
    text_density_score: int
    looks_like_screenshot: bool
    explanation: str


def judge(
    width: int, height: int, texture: Texture, *, source: ExifSourceType, is_document: bool
) -> Validity:
    """Return what is seen of a picture of this size in pixels.

    The score is the share of the picture, in percent, that is covered by what looks like text:
    4 to 15 for a payment app's receipt, up to 40 for a page full of text.
    """
    shape = shape_of(width, height)
    score = round(100 * texture.text)
    against = _origin_against(source, is_document=is_document) or _size_against(width, height)
    if source is not ExifSourceType.SCREENSHOT:
        against = against or _content_against(score, drawn=texture.drawn)
    return Validity(shape.name, score, not against, against or _in_favour(shape, score, source))


def _origin_against(source: ExifSourceType, *, is_document: bool) -> str:
    if is_document:
        return "This is a page of a PDF document, not a screenshot."
    if source is ExifSourceType.CAMERA:
        return "The file has a camera's exposure data, so it seems to be a photo."
    return ""


def _size_against(width: int, height: int) -> str:
    short, long = sorted((width, height))
    if short < MIN_SIDE_PX:
        what = "smaller than a phone's screen: perhaps a thumbnail or a cut-out"
        return f"With {width} x {height} pixels it is {what}."
    if MAX_SIDE_PX < long < SCROLLED_RATIO * short:
        what = "larger than any screen: perhaps a scan or a rendered document"
        return f"With {width} x {height} pixels it is {what}."
    return ""


def _content_against(score: int, *, drawn: bool) -> str:
    if not drawn:
        return "Its colours vary everywhere, as in a photo; screens usually have even areas."
    return "" if score else "Hardly any text can be seen on it."


def _in_favour(shape: Shape, score: int, source: ExifSourceType) -> str:
    if source is ExifSourceType.SCREENSHOT:
        return f"The file says that it is a screenshot; it has {shape.words}."
    seen = f"even areas, text on {score} % of the picture"
    if shape.ratio > SCROLLED_RATIO:
        return f"It looks like a scrolled screenshot: {seen}, longer than a screen."
    return f"It looks like a screenshot: {seen}, {shape.words}."
