"""Any pixel format -> upright RGB, as a person sees it in a browser."""

import hashlib
from types import MappingProxyType
from typing import Final

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

MOSTLY: Final = 0.5
"""A picture of which more is opaque has a ground of its own: it has rounded corners."""
LIGHT, DARK = 208, 48
"""Grey levels from which on white paper, or up to which on black, hides what it carries."""


def rgb(image: Image.Image) -> tuple[Image.Image, bytes]:
    """Return a loaded picture in RGB, and a digest of its transparency; b"" of an opaque one.

    Deep grey is cut to 8 bits. What is transparent is shown on white; but on black where light text
    on no ground would not be seen, as of a receipt that an app in dark mode shares. A BMP of which
    nothing at all would be seen has an alpha mask that its program left empty: browsers show it.
    """
    if image.mode.startswith("I"):
        return _from_deep_grey(image), b""
    if image.has_transparency_data:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = rgba.getchannel("A")
        least, most = alpha.getextrema()
        if least == 255 or (most == 0 and image.format == "BMP"):  # noqa: PLR2004 - opaque
            return rgba.convert("RGB"), b""
        paper = _paper(rgba, alpha)
        return _on_paper(rgba, alpha, paper), hashlib.sha256(alpha.tobytes()).digest()
    return (image if image.mode == "RGB" else image.convert("RGB")), b""


def oriented(image: Image.Image, orientation: object) -> Image.Image:
    """Return the picture upright; an orientation that does not exist changes nothing."""
    turn = TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _paper(rgba: Image.Image, alpha: Image.Image) -> str:
    """Return the colour on which more of the picture is seen, white if in doubt."""
    shown = np.asarray(alpha) >= 128  # noqa: PLR2004 - half
    if shown.mean() > MOSTLY:
        return "white"
    greys = np.asarray(rgba.convert("L"))[shown]
    return "black" if (greys >= LIGHT).sum() > (greys <= DARK).sum() else "white"


def _on_paper(rgba: Image.Image, alpha: Image.Image, colour: str) -> Image.Image:
    """Lay the picture on paper; one band less to hold than Pillow's own composition."""
    paper = Image.new("RGB", rgba.size, colour)
    paper.paste(rgba, mask=alpha)
    return paper


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Keep the upper 8 of 16 bits; Pillow's own conversion clips everything above 255 to white."""
    deep = np.asarray(image)
    grey = (deep >> 8).clip(0, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[deep == transparent] = 255
    return Image.fromarray(grey).convert("RGB")
