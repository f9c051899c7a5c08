"""How much a picture looks like a screenshot: shape, resolution, text."""

from dataclasses import dataclass

from PIL import Image, ImageFilter

SHORTEST, TALLEST = 1.6, 2.4


@dataclass(frozen=True, slots=True)
class Validity:
    """The validity columns of one picture."""

    aspect_ratio: str
    text_density_score: int
    looks_like_screenshot: bool
    explanation: str


def judge(image: Image.Image) -> Validity:
    """Return what shape and content of the picture say."""
    small = image.convert("L").resize((180, 360))
    edges = small.filter(ImageFilter.FIND_EDGES).histogram()
    score = round(100 * sum(edges[64:]) / (180 * 360))
    ratio = max(image.size) / min(image.size)
    tall = SHORTEST <= ratio <= TALLEST
    return Validity(
        aspect_ratio=f"9:{9 * ratio:.3g}",
        text_density_score=score,
        looks_like_screenshot=tall,
        explanation="The shape of a phone's screen." if tall else "Not the shape of a screen.",
    )
