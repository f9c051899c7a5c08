"""Names of programs -> the picture editor among them, if there is one."""

import re
from collections.abc import Iterable

_EDITORS = (
    # Desktop suites; their phone versions sign with the same words.
    ("Adobe Photoshop", r"photoshop(?! lightroom)"),
    ("Adobe Lightroom", r"lightroom"),
    ("Adobe Illustrator", r"adobe illustrator"),
    ("Affinity Photo", r"affinity (photo|designer)"),
    ("CorelDRAW", r"corel"),
    ("GIMP", r"\bgimp\b"),
    ("Krita", r"\bkrita\b"),
    ("Inkscape", r"inkscape"),
    ("Paint.NET", r"paint\.net"),
    ("PaintShop Pro", r"paint ?shop"),
    ("Photopea", r"photopea"),
    ("PhotoScape", r"photoscape"),
    ("Pixelmator", r"pixelmator"),
    ("Windows Photo Editor", r"windows photo editor|microsoft photos"),
    ("Picasa", r"\bpicasa\b"),
    ("Figma", r"\bfigma\b"),
    # Phone and browser editors with templates, text and retouching.
    ("Snapseed", r"snapseed"),
    ("PicsArt", r"picsart"),
    ("Canva", r"\bcanva\b"),
    ("Pixlr", r"pixlr"),
    ("Polarr", r"polarr"),
    ("VSCO", r"\bvsco\b"),
    ("Fotor", r"\bfotor\b"),
    ("BeFunky", r"befunky"),
    ("LightX", r"\blightx\b"),
    ("InShot", r"\binshot\b"),
    ("PhotoDirector", r"photodirector"),
    ("Facetune", r"facetune"),
    ("YouCam", r"youcam"),
    ("PixelLab", r"pixellab"),
    ("Meitu", r"meitu"),
    ("Remini", r"\bremini\b"),
)
"""Programs with which a picture's content can be changed by hand.

Their names come from what they write into EXIF Software, XMP CreatorTool and text chunks. Not
listed on purpose: cameras' own software (HDR+, MediaTek), converters and servers that re-encode
(ImageMagick, gd-jpeg, Lavc) and screenshot tools: they say nothing about a changed content.
"""


def editor_in(names: Iterable[str]) -> str | None:
    """Return the first known editor that the names mention.

    >>> editor_in(["Adobe Photoshop Lightroom Classic 7.4 (Macintosh)"])
    'Adobe Lightroom'
    >>> editor_in(["HDR+ 1.0.345618096zd"])
    """
    text = "\n".join(names)
    return next((name for name, words in _EDITORS if re.search(words, text, re.IGNORECASE)), None)
