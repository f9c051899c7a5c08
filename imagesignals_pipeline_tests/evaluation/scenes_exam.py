"""Where the exam half shows a screenshot: an album, a story, a frame, a scrolled page, a desk."""

import math
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

PHONES = ((1080, 2412), (1220, 2712), (1179, 2556), (720, 1612))
LARGE = ((1080, 2412), (1220, 2712), (1179, 2556))


def album(picture: Image.Image, random: Random) -> Image.Image:
    """Screenshot of a photo album: title above, a strip of other pictures and tools below."""
    width, height = _screen(picture, random)
    dark = random.random() < 0.5
    paper, ink = ((18, 18, 20), (230, 230, 232)) if dark else ((250, 250, 252), (30, 30, 34))
    screen = Image.new("RGB", (width, height), paper)
    pen, unit = ImageDraw.Draw(screen), min(width, height) / 100
    above, below = round(15 * unit), round(26 * unit)
    shown = _fitted(picture, width - round(random.choice((0, 0, 6)) * unit), height - above - below)
    screen.paste(
        shown, ((width - shown.width) // 2, above + (height - above - below - shown.height) // 2)
    )
    _status(pen, width, random, ink)
    pen.text((6 * unit, 11 * unit), "<", ink, _font(6 * unit), anchor="lm")
    pen.text((14 * unit, 9.5 * unit), "Today", ink, _font(3.8 * unit), anchor="lm")
    clock = f"{random.randint(6, 23)}:{random.randrange(60):02}"
    pen.text((14 * unit, 13 * unit), clock, ink, _font(2.8 * unit), anchor="lm")
    for number in range(12):
        left = number * 8.5 * unit - 2 * unit
        colour = tuple(random.randint(60, 220) for _ in "rgb")
        pen.rectangle((left, height - 24 * unit, left + 7.5 * unit, height - 15 * unit), colour)
    for number in range(5):
        x, y = (0.1 + 0.2 * number) * width, height - 8 * unit
        box = (x - 2.2 * unit, y - 2.2 * unit, x + 2.2 * unit, y + 2.2 * unit)
        pen.rounded_rectangle(box, unit, None, ink, max(2, round(unit * 0.4)))
    return screen


def story(picture: Image.Image, random: Random) -> Image.Image:
    """Screenshot of a messenger's status: the picture smaller, over its own blur."""
    width, height = _screen(picture, random)
    back = picture.resize((width // 8, height // 8)).filter(ImageFilter.GaussianBlur(8))
    screen = ImageEnhance.Brightness(back.resize((width, height))).enhance(0.4)
    pen, unit = ImageDraw.Draw(screen), min(width, height) / 100
    room = random.uniform(0.7, 0.82)
    shown = _fitted(picture, round(width * (room + 0.12)), round(height * room))
    top = round(height * 0.11)
    screen.paste(
        shown, ((width - shown.width) // 2, top + (round(height * room) - shown.height) // 2)
    )
    white = (240, 240, 240)
    parts = random.randint(1, 4)
    for number in range(parts):
        left = width * (0.03 + 0.94 * number / parts)
        pen.line(
            (left, 4 * unit, left + width * 0.9 / parts, 4 * unit), white, max(2, round(unit / 2))
        )
    pen.ellipse((5 * unit, 7 * unit, 15 * unit, 17 * unit), (190, 120, 90))
    who = random.choice(("My status", "Secretary", "Flat owner", "Family"))
    pen.text((18 * unit, 12 * unit), who, white, _font(4.2 * unit), anchor="lm")
    box = (4 * unit, height - 15 * unit, width - 4 * unit, height - 4 * unit)
    pen.rounded_rectangle(box, 5 * unit, (40, 40, 42))
    pen.text(
        (9 * unit, height - 9.5 * unit), "Reply", (170, 170, 170), _font(4 * unit), anchor="lm"
    )
    return screen


def bubble(picture: Image.Image, random: Random) -> Image.Image:
    """Screenshot of another messenger: the picture at full width, a caption and answers below."""
    width, height = _screen(picture, random)
    dark = random.random() < 0.5
    paper, mine, ink = (
        ((15, 22, 32), (43, 82, 120), (240, 240, 240))
        if dark
        else ((198, 214, 232), (255, 255, 255), (20, 24, 28))
    )
    screen = Image.new("RGB", (width, height), paper)
    pen, unit = ImageDraw.Draw(screen), min(width, height) / 100
    shown = _fitted(picture, round(width * random.uniform(0.66, 0.8)), round(height * 0.74))
    left, top = random.choice((3 * unit, width - shown.width - 3 * unit)), 19 * unit
    box = (left, top, left + shown.width, top + shown.height + 12 * unit)
    pen.rounded_rectangle(box, 3 * unit, mine)
    screen.paste(shown, (round(left), round(top)), _rounded(shown.size, round(3 * unit)))
    words = random.choice(("maintenance", "paid", "as discussed", "receipt"))
    line = (left + 3 * unit, top + shown.height + 6 * unit)
    pen.text(line, words, ink, _font(4 * unit), anchor="lm")
    pen.rectangle((0, 0, width, 16 * unit), (23, 33, 43) if dark else (81, 125, 162))
    _status(pen, width, random, (240, 240, 240))
    title = random.choice(("Wing B owners", "Manager", "Office desk"))
    pen.text((16 * unit, 11 * unit), title, (255, 255, 255), _font(4.4 * unit), anchor="lm")
    pen.rectangle((0, height - 12 * unit, width, height), (23, 33, 43) if dark else (255, 255, 255))
    pen.text((12 * unit, height - 6 * unit), "Write", (130, 140, 150), _font(4 * unit), anchor="lm")
    return screen


def framed(picture: Image.Image, random: Random) -> Image.Image:
    """Round its corners and lay it with a shadow on a coloured ground, as sharing tools do."""
    margin = round(min(picture.size) * random.uniform(0.05, 0.1))
    size = (picture.width + 2 * margin, picture.height + 2 * margin)
    ground = Image.fromarray(_slope(size, random))
    mask = _rounded(picture.size, round(min(picture.size) * random.uniform(0.02, 0.05)))
    shadow = Image.new("L", size, 0)
    shadow.paste(mask.point([level // 2 for level in range(256)]), (margin, margin + margin // 6))
    shadow = shadow.filter(ImageFilter.GaussianBlur(margin / 4))
    ground.paste((0, 0, 0), (0, 0), shadow)
    ground.paste(picture, (margin, margin), mask)
    return ground


def scrolled(picture: Image.Image, random: Random) -> Image.Image:
    """A scrolling screenshot: the page goes on below, where the screen ended."""
    kept = round(picture.height * random.uniform(0.94, 0.97))
    more = round(picture.height * random.uniform(0.15, 0.4))
    corner = picture.getpixel((2, kept - 2))
    assert isinstance(corner, tuple)
    paper = (int(corner[0]), int(corner[1]), int(corner[2]))
    ink = (40, 40, 40) if sum(paper) > 380 else (215, 215, 215)
    page = Image.new("RGB", (picture.width, kept + more), paper)
    page.paste(picture.crop((0, 0, picture.width, kept)), (0, 0))
    pen, unit, y = ImageDraw.Draw(page), picture.width / 100, kept + picture.width * 0.05
    while y < kept + more - 8 * unit:
        line = random.choice(
            ("Need help with this?", "Frequently asked questions", "Rate us", "Offers")
        )
        pen.text((5 * unit, y), line, ink, _font(3.6 * unit))
        pen.line((5 * unit, y + 7 * unit, 95 * unit, y + 7 * unit), (128, 128, 128), 1)
        y += 10 * unit
    return page


def desk_photo(picture: Image.Image, random: Random) -> Image.Image:
    """A hand-held photograph of a screen on a desk: from one side, with lines and a shadow."""
    noise = np.random.default_rng(random.randrange(1 << 32))
    shown = _fitted(picture, *(random.randint(1450, 1750),) * 2)
    bezel, around = round(shown.width * 0.02), round(max(shown.size) * random.uniform(0.03, 0.07))
    size = (shown.width + 2 * (bezel + around), shown.height + 2 * (bezel + around))
    desk = Image.fromarray(_slope(size, random))
    box = (around, around, size[0] - around, size[1] - around)
    ImageDraw.Draw(desk).rounded_rectangle(box, 3 * bezel, (12, 12, 13))
    desk.paste(shown, (around + bezel, around + bezel))
    seen = _from_one_side(np.asarray(desk, np.float32), random)
    seen = cv2.blur(seen, (2, 2)).astype(np.float32) * 0.5 + seen * 0.5
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    bend = random.uniform(-0.08, 0.08)
    lines = random.uniform(2, 4) * np.sin((y + bend * x) * math.tau / random.uniform(5, 11))
    hand = 1 - random.uniform(0.05, 0.18) / (
        1 + np.exp((x - random.uniform(0.2, 0.8) * size[0]) / 90)
    )
    seen = seen * hand[..., None] + lines[..., None] + noise.normal(0, 2.5, seen.shape)
    return Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))


def _from_one_side(seen: NDArray[np.float32], random: Random) -> NDArray[np.float32]:
    """Let one side be farther away than the other, and hold the camera a little slanted."""
    height, width = seen.shape[:2]
    far, slant = random.uniform(0.005, 0.02) * height, random.uniform(-0.02, 0.02) * width
    corners = np.asarray(((0, 0), (width, 0), (width, height), (0, height)), np.float32)
    moved = corners + np.asarray(
        ((slant, far), (slant, 0), (-slant, 0), (-slant, -far))
        if random.random() < 0.5
        else ((slant, 0), (slant, far), (-slant, -far), (-slant, 0)),
        np.float32,
    )
    warp = cv2.getPerspectiveTransform(corners, moved)
    return cv2.warpPerspective(
        seen, warp, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    ).astype(np.float32)


def _slope(size: tuple[int, int], random: Random) -> NDArray[np.uint8]:
    """Ground that goes from one colour to another."""
    ends = [np.asarray([random.randint(50, 230) for _ in "rgb"], np.float32) for _ in "ab"]
    x, y = np.meshgrid(np.linspace(0, 0.5, size[0]), np.linspace(0, 0.5, size[1]))
    share = (x + y)[..., None]
    return (ends[0] * (1 - share) + ends[1] * share).astype(np.uint8)


def _screen(picture: Image.Image, random: Random) -> tuple[int, int]:
    """A phone held as the picture asks for; small ones show no wide pictures."""
    if picture.width > picture.height:
        width, height = random.choice(LARGE)
        return height, width
    return random.choice(PHONES)


def _fitted(picture: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / picture.width, height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return Image.fromarray(cv2.resize(np.asarray(picture), size, interpolation=method))


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius, 255)
    return mask


def _status(
    pen: ImageDraw.ImageDraw, width: int, random: Random, ink: tuple[int, int, int]
) -> None:
    clock = f"{random.randint(6, 23)}:{random.randrange(60):02}"
    pen.text((width * 0.06, width * 0.03), clock, ink, _font(width * 0.03), anchor="lm")
    charge = f"{random.randint(8, 99)}%"
    pen.text((width * 0.95, width * 0.03), charge, ink, _font(width * 0.03), anchor="rm")


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(8, round(size)))
