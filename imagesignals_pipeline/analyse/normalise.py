"""Any pixel format -> upright RGB, as a person sees it in a browser."""

from types import MappingProxyType

import numpy as np
from PIL import Image

TURNS = MappingProxyType(
    {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
)
"""EXIF orientation -> what makes the picture upright.

Source: Exif 3.0 (CIPA DC-008), tag 0x0112. 1 is upright, everything else is nonsense.
"""


def rgb(image: Image.Image) -> Image.Image:
    """Return a loaded picture in RGB: deep grey cut to 8 bits, transparency shown on white."""
    if image.mode.startswith("I"):
        return _from_deep_grey(image)
    if image.has_transparency_data:
        return _on_white(image if image.mode == "RGBA" else image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def oriented(image: Image.Image, orientation: object) -> Image.Image:
    """Return the picture upright; an orientation that does not exist changes nothing."""
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _on_white(rgba: Image.Image) -> Image.Image:
    """Lay the picture on white paper; one band less to hold than Pillow's own composition."""
    paper = Image.new("RGB", rgba.size, "white")
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return paper


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Keep the upper 8 of 16 bits; Pillow's own conversion clips everything above 255 to white."""
    deep = np.asarray(image)
    grey = (deep >> 8).clip(0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[deep == transparent] = 255
    return Image.fromarray(grey).convert("RGB")
