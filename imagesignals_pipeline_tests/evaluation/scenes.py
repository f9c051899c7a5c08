"""A screenshot seen inside something else: a gallery, a chat, a photograph of the screen."""

import math
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]

SCREENS = ((720, 1600), (1080, 2340), (1080, 2400), (828, 1792), (1170, 2532))
WIDE_SCREENS = ((1080, 2340), (1080, 2400), (1170, 2532), (1284, 2778))
"""Phones of those who look at wide pictures: on small ones nobody could read them."""


def gallery(picture: Image.Image, random: Random) -> Image.Image:
    """Screenshot of a gallery that shows the whole picture between bars with its controls."""
    width, height = _screen(picture, random)
    if picture.width > picture.height:
        width, height = height, width
    dark = random.random() < 0.75
    screen = Image.new("RGB", (width, height), (0, 0, 0) if dark else (255, 255, 255))
    ink = (235, 235, 235) if dark else (50, 50, 50)
    above, below = round(height * 0.085), round(height * 0.095)
    shown = _fitted(picture, width, height - above - below)
    top = above + (height - above - below - shown.height) // 2
    screen.paste(shown, ((width - shown.width) // 2, top))
    pen, unit = ImageDraw.Draw(screen), min(width, height) / 100
    _clock(pen, width, random, ink)
    pen.line(((5 * unit, 0.063 * height), (8 * unit, 0.055 * height)), ink, 4)
    pen.line(((5 * unit, 0.063 * height), (8 * unit, 0.071 * height)), ink, 4)
    pen.text((width / 2, 0.063 * height), "14 March", ink, _font(4 * unit), anchor="mm")
    for number, name in enumerate(("Share", "Edit", "Lens", "Delete")):
        x, y = (0.14 + 0.24 * number) * width, height - below * 0.68
        pen.ellipse((x - 2.4 * unit, y - 2.4 * unit, x + 2.4 * unit, y + 2.4 * unit), None, ink, 3)
        pen.text((x, y + 5 * unit), name, ink, _font(2.6 * unit), anchor="mm")
    return screen


def chat(picture: Image.Image, random: Random) -> Image.Image:
    """Screenshot of a messenger that shows the picture smaller, between other messages."""
    width, height = _screen(picture, random)
    dark = random.random() < 0.4
    paper, head, ink = (
        ((11, 20, 26), (32, 44, 51), (233, 237, 239))
        if dark
        else ((236, 229, 221), (7, 94, 84), (17, 27, 33))
    )
    screen = Image.new("RGB", (width, height), paper)
    pen, unit = ImageDraw.Draw(screen), width / 100
    for _ in range(140):
        x, y = random.uniform(0, width), random.uniform(0, height)
        doodle = tuple(channel + (7 if dark else -8) for channel in paper)
        pen.arc((x, y, x + 6 * unit, y + 5 * unit), random.uniform(0, 360), 300, doodle, 3)
    shown = _fitted(picture, round(random.uniform(0.62, 0.76) * width), round(0.72 * height))
    sent = random.random() < 0.5
    bubble = (
        ((0, 92, 75) if dark else (217, 253, 211))
        if sent
        else ((32, 44, 51) if dark else (255, 255, 255))
    )
    left = width - shown.width - round(5 * unit) if sent else round(5 * unit)
    top = round(height * random.uniform(0.12, 0.15))
    pen.rounded_rectangle(
        (left - unit, top - unit, left + shown.width + unit, top + shown.height + 6 * unit),
        2 * unit,
        bubble,
    )
    screen.paste(shown, (left, top), _rounded(shown.size, round(1.6 * unit)))
    stamp = f"{random.randint(7, 22)}:{random.randrange(60):02}"
    font = _font(2.7 * unit)
    pen.text((left + shown.width - unit, top + shown.height + 3 * unit), stamp, ink, font, "rm")
    _talk(pen, random, (width, height), top + shown.height + 10 * unit, dark=dark)
    pen.rectangle((0, 0, width, 0.1 * height), head)
    _clock(pen, width, random, (235, 235, 235))
    pen.ellipse((11 * unit, 0.05 * height, 20 * unit, 0.05 * height + 9 * unit), (150, 160, 170))
    name = random.choice(("Society Group", "Accounts", "Treasurer", "Home"))
    pen.text((24 * unit, 0.07 * height), name, (240, 240, 240), _font(4.2 * unit), anchor="lm")
    pen.rounded_rectangle(
        (2 * unit, height * 0.94, 82 * unit, height * 0.985),
        4 * unit,
        (42, 57, 66) if dark else (255, 255, 255),
    )
    pen.text((8 * unit, height * 0.9625), "Message", (134, 150, 160), _font(4 * unit), anchor="lm")
    return screen


def screen_photo(picture: Image.Image, random: Random) -> Image.Image:
    """A photograph of the screen: up to 3 degrees off, moire, uneven light, soft and noisy."""
    return _photograph(picture, random, waves=True)


def paper_photo(picture: Image.Image, random: Random) -> Image.Image:
    """A photograph of a printed page: as that of a screen, but without moire."""
    return _photograph(picture, random, waves=False)


def _photograph(picture: Image.Image, random: Random, *, waves: bool) -> Image.Image:
    noise = np.random.default_rng(random.randrange(1 << 32))
    side = 1600 / max(picture.size)
    shown = picture.resize(
        (round(picture.width * side), round(picture.height * side)), Image.Resampling.LANCZOS
    )
    margin = round(max(shown.size) * random.uniform(0.02, 0.05))
    width, height = shown.width + 2 * margin, shown.height + 2 * margin
    framed = Image.new("RGB", (width, height), random.choice(((14, 14, 16), (60, 52, 45))))
    framed.paste(shown, (margin, margin))
    seen = _tilted(np.asarray(framed, np.float32), random)
    seen = cv2.GaussianBlur(seen, (0, 0), random.uniform(0.7, 1.1)).astype(np.float32)
    seen = seen * _light(width, height, random)[..., None]
    if waves:
        seen += _moire(width, height, random)
    seen += noise.normal(0, random.uniform(2, 4), seen.shape).astype(np.float32)
    warmth = np.asarray([random.uniform(0.94, 1.04) for _ in range(3)], np.float32)
    return Image.fromarray(np.clip(seen * warmth, 0, 255).astype(np.uint8))


def _tilted(seen: NDArray[np.float32], random: Random) -> NDArray[np.float32]:
    """Rotate by up to 3 degrees and let opposite sides differ by what 3 degrees would do."""
    height, width = seen.shape[:2]
    corners = np.asarray(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    angle = math.radians(random.uniform(-2, 2))
    turn = np.asarray(
        ((math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))), np.float32
    )
    middle = np.asarray((width / 2, height / 2), np.float32)
    jitter = [[random.uniform(-0.012, 0.012) * width for _ in "xy"] for _ in corners]
    moved = (corners - middle) @ turn.T * 0.97 + middle + np.asarray(jitter, np.float32)
    warp = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return cv2.warpPerspective(seen, warp, (width, height), borderValue=(38, 36, 34)).astype(
        np.float32
    )


def _light(width: int, height: int, random: Random) -> NDArray[np.float32]:
    """Brightness that falls off in one direction, with a faint reflection."""
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    angle, strength = random.uniform(0, math.tau), random.uniform(0.05, 0.16)
    slope = 0.95 + strength * (x * math.cos(angle) + y * math.sin(angle))
    spot = (x - random.uniform(-0.8, 0.8)) ** 2 + (y - random.uniform(-0.8, 0.8)) ** 2
    return (slope + 0.06 * np.exp(-spot * 4)).astype(np.float32)


def _moire(width: int, height: int, random: Random) -> NDArray[np.float32]:
    """Faint coloured waves, as a camera's pixels against a screen's give."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    angle, length = random.uniform(0, math.pi), random.uniform(14, 40)
    along = x * math.cos(angle) + y * math.sin(angle)
    bent = along + 10 * np.sin(y / height * math.pi)
    waves = [
        random.uniform(2, 5) * np.sin(bent * math.tau / length + shift) for shift in (0.0, 2.1, 4.2)
    ]
    return np.stack(waves, axis=-1).astype(np.float32)


def _screen(picture: Image.Image, random: Random) -> tuple[int, int]:
    return random.choice(WIDE_SCREENS if picture.width > picture.height else SCREENS)


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2)


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius, 255)
    return mask


def _talk(
    pen: ImageDraw.ImageDraw, random: Random, size: tuple[int, int], top: float, *, dark: bool
) -> None:
    unit = size[0] / 100
    for line in random.sample(("Received, thank you", "ok", "Which month is this?", "Noted"), 3):
        if top > size[1] * 0.9:
            return
        across = (len(line) * 2.2 + 10) * unit
        box = (4 * unit, top, 4 * unit + across, top + 9 * unit)
        pen.rounded_rectangle(box, 2 * unit, (32, 44, 51) if dark else (255, 255, 255))
        ink = (233, 237, 239) if dark else (17, 27, 33)
        pen.text((7 * unit, top + 4.5 * unit), line, ink, _font(4 * unit), anchor="lm")
        top += 11 * unit


def _clock(pen: ImageDraw.ImageDraw, width: int, random: Random, ink: tuple[int, int, int]) -> None:
    stamp = f"{random.randint(7, 22)}:{random.randrange(60):02}"
    pen.text((width * 0.05, width * 0.045), stamp, ink, _font(width * 0.035), anchor="lm")
    pen.rectangle((width * 0.9, width * 0.03, width * 0.94, width * 0.055), ink)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(8, round(size)))
