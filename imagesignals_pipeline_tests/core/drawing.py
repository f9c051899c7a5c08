"""Pictures that tests draw: the same on every machine, with no file beside them."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK_ON_PAPER = ("#202124", "#ffffff")
DARK = ("#e8eaed", "#131416")

WORDS = "Paid to Green Park Residents 2,450.00 Ref 4031 7729 5518 UPI on 14 March 2025 from bank"


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the picture as a file of this format."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def page(
    width: int = 540,
    height: int = 1170,
    *,
    lines: int = 14,
    colours: tuple[str, str] = INK_ON_PAPER,
) -> Image.Image:
    """Draw lines of text as a phone's screen shows them, on a card with a coloured header."""
    ink, paper = colours
    image = Image.new("RGB", (width, height), paper)
    draw = ImageDraw.Draw(image)
    unit = min(width, height) / 360
    font = ImageFont.load_default(14 * unit)
    draw.rectangle((0, 0, width, 56 * unit), fill="#3367d6")
    for number in range(lines):
        start = 7 * number % 30
        words = WORDS[start : start + 34]
        draw.text((24 * unit, (90 + 32 * number) * unit), words, fill=ink, font=font)
    return image


def blocks(width: int = 120, height: int = 160, seed: int = 1) -> Image.Image:
    """Draw rectangles of many colours: no orientation is like another.

    Plain arithmetic, because golden hashes depend on it and NumPy's generators may change.
    """
    numbers = (np.arange(1, 8 * 6 * 3 + 1, dtype=np.uint64) + 1000 * seed) * 2_654_435_761
    numbers = (numbers ^ numbers >> 15) * 2_246_822_519 & 0xFFFF_FFFF
    colours = ((numbers ^ numbers >> 13) >> 7 & 255).astype(np.uint8).reshape(8, 6, 3)
    return Image.fromarray(colours).resize((width, height), Image.Resampling.NEAREST)


def photo(width: int = 640, height: int = 480, seed: int = 1, *, noise: float = 6.0) -> Image.Image:
    """Draw what a sensor sees: soft shapes, and noise (in levels) in every pixel."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    soft = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    noisy = soft + random.normal(0, noise, soft.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
