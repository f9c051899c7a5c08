"""Size and format of a picture -> whether a messenger seems to have scaled it down.

Worth a look, no more: the picture has come through a chat before it was submitted, as honest people
also send their receipts to themselves.
"""

from imagesignals_pipeline.analyse.formats import Format

LONG_SIDES_PX = frozenset({1280, 1600})
"""Long side of what messengers make of larger pictures, unless they are sent in high quality.

Source: Telegram 1280 (telegramdesktop/tdesktop, issue 6520); WhatsApp 1600 since 2022.
"""

SCREENS_PX = frozenset(
    {(720, 1280), (768, 1280), (800, 1280), (960, 1280), (1024, 1280)}
    | {(720, 1600), (900, 1600), (1000, 1600), (1200, 1600)}
)
"""Screens with such a side: their own screenshots are of this size, and nothing can be said."""


def scaled_by_messenger(kind: Format, width: int, height: int, *, has_exif: bool) -> bool:
    """Tell whether format, missing metadata and size in pixels are those of a messenger's copy.

    >>> scaled_by_messenger(Format.JPEG, 738, 1600, has_exif=False)  # of a screen of 1080 x 2340
    True
    >>> scaled_by_messenger(Format.JPEG, 720, 1600, has_exif=False)  # or the screen itself
    False
    """
    short, long = sorted((width, height))
    sized = long in LONG_SIDES_PX and (short, long) not in SCREENS_PX
    return sized and kind is Format.JPEG and not has_exif
