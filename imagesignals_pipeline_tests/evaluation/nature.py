"""Pictures that are not receipts: photographs grown from noise, and blank ones."""

import io
from collections.abc import Iterator
from random import Random
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from imagesignals_pipeline_tests.evaluation.chance import chance
from imagesignals_pipeline_tests.evaluation.receipts import Half

PHOTOS = 16
BLANKS = (
    ("white", (255, 255, 255)),
    ("black", (0, 0, 0)),
    ("grey", (118, 118, 118)),
    ("paper", (250, 248, 240)),
    ("blue", (12, 44, 120)),
)

BLANK_SIZES: dict[Half, tuple[int, int]] = {
    "tune": (720, 1600),
    "report": (750, 1624),
    "exam": (786, 1746),
}


def strays(half: Half) -> Iterator[tuple[str, Literal["photo", "blank"], bytes]]:
    """Yield name, kind and content of the photographs and blank pictures of a half."""
    for number in range(PHOTOS):
        random = chance(f"{half} photo {number}")
        yield f"photo-{number:02}.jpg", "photo", _encoded(photo(random), "JPEG")
    for name, colour in BLANKS:
        flat = Image.new("RGB", BLANK_SIZES[half], colour)
        yield f"blank-{name}.png", "blank", _encoded(flat, "PNG")
        yield f"blank-{name}.jpg", "blank", _encoded(flat, "JPEG")
        yield f"blank-{name}-small.png", "blank", _encoded(flat.resize((360, 800)), "PNG")
        yield f"blank-{name}-line.png", "blank", _encoded(_with_line(flat, name), "PNG")


def photo(random: Random) -> Image.Image:
    """Grow a landscape of soft noise, light from one side and a few round things."""
    width, height = random.choice(((960, 1280), (1280, 960), (1080, 1440)))
    generator = np.random.default_rng(random.randrange(1 << 32))
    relief = sum(
        (_octave(generator, width, height, 3 * 2**step) / 1.8**step for step in range(7)),
        np.zeros((height, width), np.float32),
    )
    relief = (relief - relief.min()) / np.ptp(relief)
    ends = np.asarray([[random.randrange(256) for _ in "rgb"] for _ in range(3)], np.float32)
    colours = np.stack(
        [np.interp(relief, (0, 0.5, 1), ends[:, channel]) for channel in range(3)], -1
    )
    light = 0.75 + 18 * np.gradient(relief, axis=random.randrange(2))
    pixels = np.clip(colours * np.clip(light, 0.2, 1.4)[..., None], 0, 255).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels)
    for _ in range(random.randint(0, 5)):
        centre = (random.randrange(width), random.randrange(height))
        colour = [random.randrange(256) for _ in "rgb"]
        cv2.circle(pixels, centre, random.randint(30, 220), colour, -1, cv2.LINE_AA)
    return Image.fromarray(pixels)


def _octave(
    generator: np.random.Generator, width: int, height: int, cells: int
) -> NDArray[np.float32]:
    coarse = generator.normal(0, 1, (cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _with_line(flat: Image.Image, name: str) -> Image.Image:
    """Near-empty: one thin line, elsewhere for each colour."""
    lined, y = flat.copy(), 100 + 90 * len(name)
    ImageDraw.Draw(lined).line(((40, y), (flat.width - 40, y)), (128, 128, 128), 2)
    return lined


def _encoded(picture: Image.Image, format_name: str) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, format_name, quality=90)
    return sink.getvalue()
