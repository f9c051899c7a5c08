"""What people of the exam half draw and stick on a screenshot."""

import math
from random import Random

from PIL import Image, ImageDraw, ImageFilter, ImageFont

MARKERS = ((255, 240, 70), (120, 255, 140), (255, 150, 210), (120, 215, 255))
PENS = ((200, 20, 60), (30, 30, 30), (40, 70, 220), (240, 110, 0))
STAMPS = ("Paid {}", "{} maintenance", "Society receipt {}", "Ref. for {}", "{} - done")


def highlighter(picture: Image.Image, random: Random) -> Image.Image:
    """Swipe a translucent marker over one or two lines; what is written stays readable."""
    marked = picture
    for _ in range(random.randint(1, 2)):
        x, y = _place(picture, random)
        across, thick = picture.width * random.uniform(0.14, 0.3), picture.width * 0.045
        points = [
            (x + across * step / 6, y + thick * random.uniform(-0.12, 0.12))
            for step in range(-6, 7)
        ]
        layer = Image.new("L", picture.size, 0)
        ImageDraw.Draw(layer).line(points, 255, round(thick), joint="curve")
        strength = random.uniform(0.35, 0.55)
        ink = Image.new("RGB", picture.size, random.choice(MARKERS))
        marked = Image.composite(
            Image.blend(marked, ink, strength), marked, layer.filter(ImageFilter.GaussianBlur(1))
        )
    return marked


def scribble(picture: Image.Image, random: Random) -> Image.Image:
    """Loop around something by freehand, never quite round, sometimes twice."""
    marked = picture.copy()
    pen, (x, y) = ImageDraw.Draw(marked), _place(picture, random)
    across = picture.width * random.uniform(0.15, 0.3)
    high = picture.width * random.uniform(0.05, 0.1)
    turns, start = random.uniform(1.05, 1.9), random.uniform(0, math.tau)
    wobble = [random.uniform(0.86, 1.14) for _ in range(9)]
    points = [
        (
            x
            + across * _between(wobble, step / 12) * math.cos(start + turns * math.tau * step / 90),
            y + high * _between(wobble, step / 13) * math.sin(start + turns * math.tau * step / 90),
        )
        for step in range(91)
    ]
    pen.line(points, random.choice(PENS), _thick(picture, random), joint="curve")
    return marked


def underline(picture: Image.Image, random: Random) -> Image.Image:
    """Underline twice, with a wave."""
    marked = picture.copy()
    pen, (x, y) = ImageDraw.Draw(marked), _place(picture, random)
    across, ink = picture.width * random.uniform(0.15, 0.28), random.choice(PENS)
    for row in range(2):
        points = [
            (x + across * step / 20, y + picture.width * (0.02 * row + 0.005 * math.sin(step)))
            for step in range(-20, 21)
        ]
        pen.line(points, ink, _thick(picture, random), joint="curve")
    return marked


def sticker(picture: Image.Image, random: Random) -> Image.Image:
    """Stick a smiling face, a heart or a badge on it."""
    marked = picture.copy()
    pen, (x, y) = ImageDraw.Draw(marked), _place(picture, random)
    r = picture.width * random.uniform(0.05, 0.085)
    match random.randrange(3):
        case 0:
            pen.ellipse((x - r, y - r, x + r, y + r), (255, 204, 50), (220, 150, 20), 2)
            for side in (-1, 1):
                eye = (x + side * r * 0.38, y - r * 0.25)
                box = (eye[0] - r * 0.12, eye[1] - r * 0.18, eye[0] + r * 0.12, eye[1] + r * 0.18)
                pen.ellipse(box, (90, 50, 10))
            smile = (x - r * 0.6, y - r * 0.5, x + r * 0.6, y + r * 0.65)
            pen.arc(smile, 20, 160, (90, 50, 10), max(2, round(r * 0.12)))
        case 1:
            for side in (-1, 1):
                lobe = x + side * r * 0.45
                box = (lobe - r * 0.55, y - r * 0.8, lobe + r * 0.55, y + r * 0.3)
                pen.ellipse(box, (225, 30, 60))
            pen.polygon(((x - r * 0.93, y), (x + r * 0.93, y), (x, y + r)), (225, 30, 60))
        case _:
            pen.ellipse((x - r, y - r, x + r, y + r), (30, 160, 80), (255, 255, 255), 4)
            points = ((x - r * 0.5, y), (x - r * 0.1, y + r * 0.4), (x + r * 0.5, y - r * 0.4))
            pen.line(points, (255, 255, 255), max(3, round(r * 0.2)), joint="curve")
    return marked


def scratched_out(picture: Image.Image, random: Random) -> Image.Image:
    """Hide one line under a zigzag of the pen."""
    marked = picture.copy()
    pen, (x, y) = ImageDraw.Draw(marked), _place(picture, random)
    across, high = picture.width * random.uniform(0.1, 0.22), picture.width * 0.022
    points = [(x + across * step / 16, y + high * (-1) ** step) for step in range(-16, 17)]
    pen.line(points, random.choice(PENS), _thick(picture, random), joint="curve")
    return marked


def dated_below(picture: Image.Image, random: Random) -> Image.Image:
    """Put a strip with a date and a few words below the picture, as camera and scanner apps do."""
    strip = round(picture.width * random.uniform(0.09, 0.15))
    paper, ink = random.choice((((255, 255, 255), (20, 20, 20)), ((24, 26, 30), (240, 240, 240))))
    longer = Image.new("RGB", (picture.width, picture.height + strip), paper)
    longer.paste(picture, (0, 0))
    day = f"{random.randint(1, 28):02}/{random.randint(1, 12):02}/2026"
    words, font = random.choice(STAMPS).format(day), _font(strip * 0.36)
    pen = ImageDraw.Draw(longer)
    pen.text((strip * 0.5, picture.height + strip / 2), words, ink, font, anchor="lm")
    return longer


def watermark(picture: Image.Image, random: Random) -> Image.Image:
    """A faint word of the app that saved it, in a corner or across."""
    layer = Image.new("L", picture.size, 0)
    pen, word = (
        ImageDraw.Draw(layer),
        random.choice(("Saved with SnapShare", "ChatterBox", "scan+")),
    )
    if random.random() < 0.5:
        place = (picture.width * 0.96, picture.height * random.uniform(0.9, 0.97))
        pen.text(place, word, 200, _font(picture.width * 0.04), anchor="rs")
    else:
        font = _font(picture.width * 0.09)
        pen.text((picture.width / 2, picture.height / 2), word, 60, font, anchor="mm")
        layer = layer.rotate(random.uniform(20, 35), Image.Resampling.BICUBIC)
    return Image.composite(Image.new("RGB", picture.size, (128, 128, 128)), picture, layer)


def covered_bar(picture: Image.Image, random: Random) -> Image.Image:
    """Blur the status bar, or paint it over in one colour."""
    marked, high = picture.copy(), round(picture.height * random.uniform(0.03, 0.042))
    box = (0, 0, picture.width, high)
    if random.random() < 0.5:
        softened = picture.crop(box).filter(ImageFilter.GaussianBlur(high / 4))
        marked.paste(softened, box)
    else:
        ImageDraw.Draw(marked).rectangle(box, random.choice(((0, 0, 0), (255, 255, 255))))
    return marked


def _between(values: list[float], at: float) -> float:
    """Interpolate a closed ring of values."""
    before = math.floor(at)
    share = at - before
    first, second = values[before % len(values)], values[(before + 1) % len(values)]
    return first * (1 - share) + second * share


def _place(picture: Image.Image, random: Random) -> tuple[float, float]:
    return picture.width * random.uniform(0.28, 0.72), picture.height * random.uniform(0.2, 0.8)


def _thick(picture: Image.Image, random: Random) -> int:
    return max(2, round(min(picture.size) * random.uniform(0.006, 0.012)))


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(10, round(size)))
