"""What people draw and write on a screenshot before they send it on."""

from random import Random

from PIL import Image, ImageDraw, ImageFont

INKS = ((226, 32, 32), (235, 64, 20), (20, 110, 230), (20, 150, 60), (250, 210, 0))
REMARKS = (
    "paid pls check",
    "Maintenance done",
    "sent again, please confirm",
    "This one is for our flat",
    "kindly update",
    "PAID",
)


def circle(picture: Image.Image, random: Random) -> Image.Image:
    """Ring one part of the picture by hand."""
    marked, pen, width = _pen(picture, random)
    x, y = _place(picture, random)
    across, high = random.uniform(0.16, 0.32) * picture.width, random.uniform(0.05, 0.12)
    box = (x - across, y - high * picture.width, x + across, y + high * picture.width)
    start = random.uniform(0, 360)
    pen.arc(box, start, start + random.uniform(335, 360), _ink(random), width)
    return marked


def arrow(picture: Image.Image, random: Random) -> Image.Image:
    """Point at something."""
    marked, pen, width = _pen(picture, random)
    ink, (x, y) = _ink(random), _place(picture, random)
    far = picture.width * random.uniform(0.2, 0.4)
    tail = (x + far * random.choice((-1, 1)), y + far * random.uniform(-0.8, 0.8))
    pen.line((tail, (x, y)), ink, width)
    for turn in (0.5, -0.5):
        dx, dy = (tail[0] - x) * 0.3, (tail[1] - y) * 0.3
        pen.line(((x, y), (x + dx - turn * dy, y + dy + turn * dx)), ink, width)
    return marked


def tick(picture: Image.Image, random: Random) -> Image.Image:
    """Tick it off, large."""
    marked, pen, width = _pen(picture, random)
    x, y = _place(picture, random)
    size = picture.width * random.uniform(0.1, 0.2)
    points = ((x - size, y), (x - size * 0.3, y + size * 0.7), (x + size, y - size * 0.9))
    pen.line(points, _ink(random), width * 2, joint="curve")
    return marked


def bar(picture: Image.Image, random: Random) -> Image.Image:
    """Black out one line."""
    marked, pen, _ = _pen(picture, random)
    x, y = _place(picture, random)
    across, high = picture.width * random.uniform(0.12, 0.3), picture.width * 0.025
    pen.rectangle((x - across, y - high, x + across, y + high), (0, 0, 0))
    return marked


def written_over(picture: Image.Image, random: Random) -> Image.Image:
    """Type a remark into the picture, as phones' editors do."""
    marked, pen, _ = _pen(picture, random)
    x, y = _place(picture, random)
    font = _font(picture.width * random.uniform(0.05, 0.075))
    remark = random.choice(REMARKS)
    boxed = random.random() < 0.5
    if boxed:
        left, top, right, bottom = pen.textbbox((x, y), remark, font, anchor="mm")
        pen.rounded_rectangle((left - 12, top - 8, right + 12, bottom + 8), 8, (255, 255, 255))
    pen.text((x, y), remark, _ink(random), font, anchor="mm")
    return marked


def caption_above(picture: Image.Image, random: Random) -> Image.Image:
    """Put a strip with a remark above the picture."""
    return _captioned(picture, random, above=True)


def caption_below(picture: Image.Image, random: Random) -> Image.Image:
    """Put a strip with a remark below the picture."""
    return _captioned(picture, random, above=False)


def _captioned(picture: Image.Image, random: Random, *, above: bool) -> Image.Image:
    strip = round(picture.width * random.uniform(0.12, 0.2))
    paper, ink = random.choice((((255, 255, 255), (0, 0, 0)), ((0, 0, 0), (255, 255, 255))))
    wider = Image.new("RGB", (picture.width, picture.height + strip), paper)
    wider.paste(picture, (0, strip if above else 0))
    middle = strip / 2 if above else picture.height + strip / 2
    pen = ImageDraw.Draw(wider)
    font = _font(picture.width * 0.05)
    pen.text((picture.width / 2, middle), random.choice(REMARKS), ink, font, anchor="mm")
    return wider


def _pen(picture: Image.Image, random: Random) -> tuple[Image.Image, ImageDraw.ImageDraw, int]:
    marked = picture.copy()
    width = max(2, round(min(picture.size) * random.uniform(0.007, 0.014)))
    return marked, ImageDraw.Draw(marked), width


def _place(picture: Image.Image, random: Random) -> tuple[float, float]:
    return (
        picture.width * random.uniform(0.3, 0.7),
        picture.height * random.uniform(0.2, 0.75),
    )


def _ink(random: Random) -> tuple[int, int, int]:
    return random.choice(INKS[:2] if random.random() < 0.6 else INKS)


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(10, round(size)))
