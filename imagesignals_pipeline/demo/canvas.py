"""The drawing kit of the demonstration: smooth shapes and text on a picture, with Pillow alone."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from imagesignals_pipeline.demo.icons import ICONS, Ring

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

Point = tuple[float, float]

SMOOTH = 4
"""Shapes are drawn this many times larger and scaled down: Pillow's own have jagged edges."""

CAP_HEIGHT = 0.7
"""Height of a capital letter as a share of the type size, as in Pillow's built-in Aileron."""

TRACKING = 0.02
"""Space added after a bold letter, as a share of the type size: its stroke makes it wider."""

BOLD_STROKE = 0.022
"""Width of the stroke around bold letters as a share of the type size: there is one weight."""

RUPEE = "₹"
RUPEE_WIDTH = 0.56


Align = Literal["left", "middle", "right"]


@dataclass(frozen=True, slots=True)
class Pen:
    """How text looks: `size` in dp, `colour` as `#rrggbb`, and which end of it is named."""

    size: float
    colour: str
    bold: bool = False
    align: Align = "left"


class Canvas:
    """A picture that is drawn in dp, the density-independent units of phone screens.

    Attributes:
        image: The picture so far, RGB.
        width: Width in dp.
        height: Height in dp.
    """

    def __init__(self, size: tuple[int, int], scale: float, background: str) -> None:
        self.image = Image.new("RGB", size, background)
        self.width = size[0] / scale
        self.height = size[1] / scale
        self._scale = scale
        self._draw = ImageDraw.Draw(self.image)

    def box(self, box: Box, fill: str) -> None:
        """Fill a box with sharp corners; right and bottom edges are outside."""
        left, top, right, bottom = (round(edge * self._scale) for edge in box)
        if right > left and bottom > top:
            self.image.paste(fill, (left, top, right, bottom))

    def card(self, box: Box, fill: str, radius: float = 12, outline: str | None = None) -> None:
        """Fill a box with round corners; `outline` draws a border of 1 dp."""
        if outline is not None:
            self.card(box, outline, radius)
            left, top, right, bottom = box
            self.card((left + 1, top + 1, right - 1, bottom - 1), fill, radius - 1)
            return
        left, top, right, bottom = (round(edge * self._scale) for edge in box)
        corner = min(round(radius * self._scale), (right - left) // 2, (bottom - top) // 2)
        self.image.paste(fill, (left + corner, top, right - corner, bottom))
        self.image.paste(fill, (left, top + corner, right, bottom - corner))
        disc = _disc(2 * corner)
        for x, y, part_x, part_y in (
            (left, top, 0, 0),
            (right - corner, top, corner, 0),
            (left, bottom - corner, 0, corner),
            (right - corner, bottom - corner, corner, corner),
        ):
            part = disc.crop((part_x, part_y, part_x + corner, part_y + corner))
            self.image.paste(fill, (x, y), part)

    def disc(self, centre: Point, radius: float, fill: str) -> None:
        """Fill a circle."""
        mask = _disc(max(1, round(2 * radius * self._scale)))
        self._stamp(mask, centre, fill)

    def icon(self, name: str, centre: Point, size: float, colour: str) -> None:
        """Draw one of `ICONS`, `size` dp wide and high."""
        self._stamp(_icon(name, round(size * self._scale)), centre, colour)

    def rule(self, y: float, colour: str, left: float = 0, right: float | None = None) -> None:
        """Draw a horizontal line of about 1 dp."""
        end = self.width if right is None else right
        top = round(y * self._scale)
        thick = max(1, round(0.8 * self._scale))
        self.image.paste(
            colour, (round(left * self._scale), top, round(end * self._scale), top + thick)
        )

    def dashes(self, y: float, colour: str, left: float, right: float) -> None:
        """Draw a horizontal dashed line."""
        x = left
        while x < right:
            self.rule(y, colour, x, min(x + 5, right))
            x += 9

    def fade(self, box: Box, top_colour: str, bottom_colour: str) -> None:
        """Fill a box with a vertical gradient."""
        left, top, right, bottom = (round(edge * self._scale) for edge in box)
        size = (right - left, bottom - top)
        ramp = Image.linear_gradient("L").resize(size)
        self.image.paste(top_colour, (left, top, right, bottom))
        self.image.paste(bottom_colour, (left, top), ramp)

    def text(self, at: Point, words: str, pen: Pen) -> float:
        """Write one line whose capitals are centred on the height of `at`.

        Returns:
            The width of the line in dp.
        """
        size = pen.size * self._scale
        width = _width(words, size, bold=pen.bold)
        shift = {"left": 0.0, "middle": width / 2, "right": width}[pen.align]
        x = at[0] * self._scale - shift
        baseline = at[1] * self._scale + size * CAP_HEIGHT / 2
        for piece, advance in _pieces(words, size, bold=pen.bold):
            if piece == RUPEE:
                self._rupee(x, baseline, size, pen)
            else:
                stroke = size * BOLD_STROKE if pen.bold else 0
                self._draw.text(
                    (x, baseline), piece, pen.colour, _font(size), "ls", stroke_width=stroke
                )
            x += advance
        return width / self._scale

    @staticmethod
    def measure(words: str, pen: Pen) -> float:
        """Return the width of one line in dp."""
        return _width(words, pen.size, bold=pen.bold)

    def paragraph(self, at: Point, words: str, pen: Pen, width: float) -> float:
        """Write words in lines of at most `width` dp, the first one centred on `at`.

        Returns:
            The height of the last line's centre in dp.
        """
        lines = wrap(words, pen, width)
        for number, line in enumerate(lines):
            self.text((at[0], at[1] + number * pen.size * 1.38), line, pen)
        return at[1] + (len(lines) - 1) * pen.size * 1.38

    def _rupee(self, x: float, baseline: float, size: float, pen: Pen) -> None:
        mask = _rupee_sign(round(size), bold=pen.bold)
        top = baseline - size * CAP_HEIGHT
        self.image.paste(pen.colour, (round(x + size * 0.02), round(top)), mask)

    def _stamp(self, mask: Image.Image, centre: Point, colour: str) -> None:
        left = round(centre[0] * self._scale - mask.width / 2)
        top = round(centre[1] * self._scale - mask.height / 2)
        self.image.paste(colour, (left, top), mask)


def _width(words: str, size: float, *, bold: bool) -> float:
    """Return the width of one line, in the unit of `size`."""
    return sum(advance for _, advance in _pieces(words, size, bold=bold))


def wrap(words: str, pen: Pen, width: float) -> list[str]:
    """Break words into lines of at most `width` dp; a longer word gets a line of its own."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and Canvas.measure(longer, pen) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _pieces(words: str, size: float, *, bold: bool) -> list[tuple[str, float]]:
    """Split a line into what is drawn in one go, each with its advance."""
    font = _font(size)
    if bold:
        extra = size * TRACKING
        return [
            (letter, size * RUPEE_WIDTH if letter == RUPEE else font.getlength(letter) + extra)
            for letter in words
        ]
    pieces: list[tuple[str, float]] = []
    for number, part in enumerate(words.split(RUPEE)):
        if number:
            pieces.append((RUPEE, size * RUPEE_WIDTH))
        if part:
            pieces.append((part, font.getlength(part)))
    return pieces


@lru_cache(maxsize=256)
def _font(size: float) -> ImageFont.FreeTypeFont:
    """Return Pillow's built-in Aileron: the one font that every machine with Pillow has."""
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


@lru_cache(maxsize=256)
def _disc(diameter: int) -> Image.Image:
    """Return the mask of a circle."""
    large = Image.new("L", (diameter * SMOOTH, diameter * SMOOTH))
    ImageDraw.Draw(large).ellipse((0, 0, diameter * SMOOTH - 1, diameter * SMOOTH - 1), 255)
    return large.resize((max(1, diameter), max(1, diameter)), Image.Resampling.BOX)


@lru_cache(maxsize=512)
def _icon(name: str, side: int) -> Image.Image:
    """Return the mask of an icon, `side` pixels wide and high."""
    unit = side * SMOOTH / 24
    large = Image.new("L", (side * SMOOTH, side * SMOOTH))
    draw = ImageDraw.Draw(large)
    for shape in ICONS[name]:
        if isinstance(shape, Ring):
            _ring(draw, shape, unit)
        elif shape.closed:
            draw.polygon([(x * unit, y * unit) for x, y in shape.points], 255)
        else:
            _line(draw, [(x * unit, y * unit) for x, y in shape.points], shape.width * unit)
    return large.resize((side, side), Image.Resampling.BOX)


def _ring(draw: ImageDraw.ImageDraw, ring: Ring, unit: float) -> None:
    reach = ring.radius if ring.filled else ring.radius + ring.width / 2
    x, y = ring.centre
    box = [(x - reach) * unit, (y - reach) * unit, (x + reach) * unit, (y + reach) * unit]
    if ring.filled:
        draw.ellipse(box, 255)
    else:
        draw.arc(box, *ring.sweep, fill=255, width=round(ring.width * unit))


def _line(draw: ImageDraw.ImageDraw, points: list[Point], width: float) -> None:
    """Draw a line with round ends and joints."""
    draw.line(points, 255, round(width), joint="curve")
    for x, y in points:
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), 255)


@lru_cache(maxsize=128)
def _rupee_sign(size: int, *, bold: bool) -> Image.Image:
    """Return the mask of the Indian rupee sign, which the built-in font lacks.

    Its shape: two bars, the bowl of an R between them, a leg from the bowl to the foot.
    """
    cap = CAP_HEIGHT * size * SMOOTH
    weight = (0.105 if bold else 0.075) * size * SMOOTH
    large = Image.new("L", (round(0.52 * size) * SMOOTH, round(CAP_HEIGHT * size) * SMOOTH))
    draw = ImageDraw.Draw(large)
    right, bowl = 0.5 * size * SMOOTH, 0.54 * cap
    for top in (0.0, 0.25 * cap):
        draw.rectangle((0, top, right, top + weight), 255)
    draw.arc((0.02 * right, 0, 0.78 * right, bowl + weight), -90, 90, 255, round(weight))
    draw.rectangle((0, bowl, 0.42 * right, bowl + weight), 255)
    draw.line([(0.12 * right, bowl + weight / 2), (0.74 * right, cap)], 255, round(weight * 1.08))
    return large.resize((large.width // SMOOTH, large.height // SMOOTH), Image.Resampling.BOX)
