"""Width and height -> the class of screens that a picture has the shape of."""

from dataclasses import dataclass

TOLERANCE = 0.0125
"""Half the distance between neighbouring classes (9:19 and 9:19.5), as a share of the ratio."""

CROPPED = "not the shape of a whole screen, perhaps it was cropped"


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a picture: `name` such as "9:19.5" (width first), long side through short side.

    `words` say whose shape it is, as a clause.
    """

    name: str
    ratio: float
    words: str


_CLASSES = (
    # Short side, long side, whose; makers' data sheets give pixels, so names are rounded shapes.
    ("1", "1", 1.0, "a square"),
    ("5", "6", 1.2, "an unfolded phone's screen"),
    ("4", "5", 1.25, "an unfolded phone's or an old monitor's screen"),
    ("8.5", "11", 1.294, "US letter paper"),
    ("3", "4", 1.333, "a tablet's screen"),
    ("1", "1.41", 1.414, "A4 paper"),
    ("7", "10", 1.436, "a tablet's screen"),
    ("2", "3", 1.5, "a tablet's or a laptop's screen"),
    ("2", "3", 1.523, "a tablet's screen"),
    ("13", "20", 1.54, "a laptop's screen"),
    ("10", "16", 1.6, "a tablet's or a laptop's screen"),
    ("9", "15", 1.667, "a phone's or a tablet's screen"),
    ("9", "16", 1.778, "a phone's, a monitor's or a television's screen"),
    ("9", "17", 1.889, "a phone's screen"),
    ("9", "17.4", 1.937, "a folded phone's screen"),
    ("9", "18", 2.0, "a phone's screen"),
    ("9", "18.5", 2.056, "a phone's screen"),
    ("9", "19", 2.111, "a phone's screen"),
    ("9", "19.5", 2.167, "a phone's screen"),
    ("9", "20", 2.222, "a phone's screen"),
    ("9", "20.5", 2.278, "a phone's screen"),
    ("9", "21", 2.333, "a phone's or a wide monitor's screen"),
    ("9", "21", 2.38, "a wide monitor's screen"),  # 2560 x 1080 and 3440 x 1440 are sold as 21:9
    ("9", "22", 2.444, "a folding phone's screen"),
    ("9", "23", 2.565, "a folded phone's screen"),
    ("9", "25", 2.735, "a folded phone's screen"),
    ("9", "32", 3.556, "a double-width monitor's screen"),
)


def shape_of(width: int, height: int) -> Shape:
    """Return the nearest class, or the plain ratio where none is near.

    >>> shape_of(1080, 2400).name, shape_of(2400, 1080).name, shape_of(50, 4000).name
    ('9:20', '20:9', '1:80')
    """
    ratio = max(width, height) / min(width, height)
    short, long, nearest, whose = min(_CLASSES, key=lambda known: abs(known[2] - ratio))
    words = f"the shape of {whose}"
    if abs(nearest - ratio) > TOLERANCE * ratio:
        short, long, words = "1", f"{ratio:.2f}".rstrip("0").rstrip("."), CROPPED
    first, second = (short, long) if width <= height else (long, short)
    return Shape(f"{first}:{second}", ratio, words)
