"""What several templates share: colours, badges, buttons and rows of facts."""

from collections.abc import Sequence
from dataclasses import dataclass

from imagesignals_pipeline.demo.canvas import Box, Canvas, Pen, Point

WHITE = "#ffffff"


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of an app in one theme."""

    page: str
    card: str
    ink: str
    soft: str
    line: str
    accent: str


LIGHT = Palette("#f4f5f8", "#ffffff", "#17181c", "#6b7080", "#e4e6ec", "#1b5fd0")
DARK = Palette("#101216", "#1b1e25", "#f1f2f5", "#9aa0ad", "#2d313b", "#6fa3ff")


def badge(canvas: Canvas, at: Point, radius: float, letters: str, fill: str) -> None:
    """Draw a round badge with a person's initials."""
    canvas.disc(at, radius, fill)
    canvas.text(at, letters, Pen(radius * 0.82, WHITE, bold=True, align="middle"))


def sign(canvas: Canvas, at: Point, radius: float, icon: str, colours: tuple[str, str]) -> None:
    """Draw an icon on a disc; `colours` are those of the disc and of the icon."""
    canvas.disc(at, radius, colours[0])
    canvas.icon(icon, at, radius * 1.15, colours[1])


def button(canvas: Canvas, box: Box, words: str, colours: tuple[str, str], icon: str = "") -> None:
    """Draw a pill-shaped button; `colours` are those of the pill and of the words."""
    left, top, right, bottom = box
    canvas.card(box, colours[0], (bottom - top) / 2)
    middle, y = (left + right) / 2 + (10 if icon else 0), (top + bottom) / 2
    width = canvas.text((middle, y), words, Pen(14, colours[1], bold=True, align="middle"))
    if icon:
        canvas.icon(icon, (middle - width / 2 - 16, y), 17, colours[1])


def stacked(
    canvas: Canvas, at: Point, facts: Sequence[tuple[str, str]], palette: Palette, step: float = 50
) -> float:
    """Write facts one under another, each name above its value.

    Returns:
        The height at which the next fact would start.
    """
    x, y = at
    for name, value in facts:
        canvas.text((x, y), name, Pen(12, palette.soft))
        canvas.text((x, y + 19), value, Pen(14.5, palette.ink))
        y += step
    return y


def listed(canvas: Canvas, box: Box, facts: Sequence[tuple[str, str]], palette: Palette) -> float:
    """Write facts as rows over the width of a box, name on the left, value on the right.

    Returns:
        The height under the last row; the bottom of the box sets the height of the first rows.
    """
    left, top, right, bottom = box
    step = (bottom - top) / len(facts)
    for number, (name, value) in enumerate(facts):
        y = top + (number + 0.5) * step
        canvas.text((left, y), name, Pen(13, palette.soft))
        canvas.text((right, y), value, Pen(13.5, palette.ink, align="right"))
        if number:
            canvas.rule(top + number * step, palette.line, left, right)
    return bottom
