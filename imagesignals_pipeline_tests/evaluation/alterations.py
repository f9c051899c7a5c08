"""What happens to a screenshot between its first and its second submission."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imagesignals_pipeline_tests.evaluation import marks, scenes

Change = Callable[[Image.Image, Random], Image.Image]
"""An upright RGB picture -> another one."""

ORIENTATION = 0x0112
"""The EXIF tag that says how to turn the pixels."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The file that a copy is submitted as."""

    content: bytes
    suffix: str


@dataclass(frozen=True, slots=True)
class Alteration:
    """One way to reuse a screenshot.

    `family` groups what the goals speak of: `exact`, `format` (copy, recompression, resize and
    format) or `edited`. `hard` ones have a goal of their own. `scale` is how much smaller text
    becomes.
    """

    name: str
    apply: Callable[[bytes, Image.Image, Random], Copied]
    family: str = "edited"
    hard: bool = False
    scale: float = 1.0


def messenger(picture: Image.Image, random: Random) -> Image.Image:
    """What a messenger sends on: long side 1600 or 1280, JPEG of about 70, half the colour."""
    longest = random.choice((1600, 1280))
    if max(picture.size) > longest:
        picture = _scaled(picture, longest / max(picture.size))
    return _reopened(_jpeg(picture, random.randint(66, 75)))


def twice(picture: Image.Image, random: Random) -> Image.Image:
    """Sent on, and sent on again."""
    return messenger(messenger(picture, random), random)


def gamma(picture: Image.Image, random: Random) -> Image.Image:
    """Another monitor's idea of grey."""
    power = random.choice((0.7, 0.8, 1.25, 1.4))
    table = [round(255 * (level / 255) ** power) for level in range(256)]
    return picture.point(table * 3)


def noisy(picture: Image.Image, random: Random) -> Image.Image:
    """Grain of a few grey levels."""
    generator = np.random.default_rng(random.randrange(1 << 32))
    pixels = np.asarray(picture, np.int16)
    grain = generator.normal(0, random.uniform(3, 7), pixels.shape)
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def greyscale(picture: Image.Image, random: Random) -> Image.Image:
    """Without colour."""
    del random
    return picture.convert("L").convert("RGB")


def blurred(picture: Image.Image, random: Random) -> Image.Image:
    """Slightly out of focus: less than a digit's stroke."""
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 1.0) * _unit(picture)))


def sharpened(picture: Image.Image, random: Random) -> Image.Image:
    """The gallery's "enhance"."""
    return picture.filter(ImageFilter.UnsharpMask(random.uniform(1, 2.5), random.randint(60, 140)))


def brightness(picture: Image.Image, random: Random) -> Image.Image:
    """Lighter or darker by up to a quarter."""
    return ImageEnhance.Brightness(picture).enhance(random.choice((0.75, 0.85, 1.12, 1.2)))


def contrast(picture: Image.Image, random: Random) -> Image.Image:
    """More or less contrast by up to a third."""
    return ImageEnhance.Contrast(picture).enhance(random.choice((0.7, 0.82, 1.2, 1.35)))


def cropped(left: float, top: float, right: float, bottom: float) -> Change:
    """Return a crop; each number is the share of the side that goes."""

    def crop(picture: Image.Image, random: Random) -> Image.Image:
        del random
        width, height = picture.size
        return picture.crop(
            (
                round(left * width),
                round(top * height),
                width - round(right * width),
                height - round(bottom * height),
            )
        )

    return crop


def _without_bars(*, status: bool, navigation: bool) -> Change:
    """Return a crop by hand of the phone's own bars, so never of quite the same height."""

    def crop(picture: Image.Image, random: Random) -> Image.Image:
        above = random.uniform(0.035, 0.05) if status else 0
        below = random.uniform(0.03, 0.055) if navigation else 0
        return cropped(0, above, 0, below)(picture, random)

    return crop


def _slightly_cropped(picture: Image.Image, random: Random) -> Image.Image:
    sides = [random.uniform(0, 0.06) for _ in range(4)]
    return cropped(*sides)(picture, random)


def _resized(scale: float) -> Change:
    def resize(picture: Image.Image, random: Random) -> Image.Image:
        del random
        return _scaled(picture, scale)

    return resize


def chain(*changes: Change) -> Change:
    """Return one change after another."""

    def apply(picture: Image.Image, random: Random) -> Image.Image:
        for change in changes:
            picture = change(picture, random)
        return picture

    return apply


def _saved(change: Change) -> Callable[[bytes, Image.Image, Random], Copied]:
    """Return the change followed by what an editor saves: PNG or good JPEG."""

    def apply(content: bytes, picture: Image.Image, random: Random) -> Copied:
        del content
        changed = change(picture, random)
        if random.random() < 0.3:
            return Copied(_png(changed), ".png")
        return Copied(_jpeg(changed, random.choice((85, 90, 92, 95))), ".jpg")

    return apply


def _as_jpeg(change: Change, quality: int) -> Callable[[bytes, Image.Image, Random], Copied]:
    def apply(content: bytes, picture: Image.Image, random: Random) -> Copied:
        del content
        return Copied(_jpeg(change(picture, random), quality), ".jpg")

    return apply


def _as_webp(content: bytes, picture: Image.Image, random: Random) -> Copied:
    del content
    sink = io.BytesIO()
    picture.save(sink, "WEBP", quality=random.randint(70, 85), method=1)
    return Copied(sink.getvalue(), ".webp")


def _as_png(content: bytes, picture: Image.Image, random: Random) -> Copied:
    del content, random
    return Copied(_png(picture), ".png")


def _exact(content: bytes, picture: Image.Image, random: Random) -> Copied:
    del picture, random
    return Copied(content, "")


def _turned(content: bytes, picture: Image.Image, random: Random) -> Copied:
    """Store the pixels lying and tell so in EXIF, as cameras do."""
    del content
    orientation, undo = random.choice(
        (
            (6, Image.Transpose.ROTATE_90),
            (8, Image.Transpose.ROTATE_270),
            (3, Image.Transpose.ROTATE_180),
        )
    )
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    sink = io.BytesIO()
    picture.transpose(undo).save(sink, "JPEG", quality=92, exif=exif)
    return Copied(sink.getvalue(), ".jpg")


def _unchanged(picture: Image.Image, random: Random) -> Image.Image:
    del random
    return picture


def _jpegs() -> tuple[Alteration, ...]:
    return tuple(
        Alteration(f"JPEG {quality}", _as_jpeg(_unchanged, quality), "format")
        for quality in (95, 85, 70, 50, 30)
    )


def _crops() -> tuple[Alteration, ...]:
    crops = {
        "status bar cropped": _without_bars(status=True, navigation=False),
        "navigation bar cropped": _without_bars(status=False, navigation=True),
        "both bars cropped": _without_bars(status=True, navigation=True),
    }
    for percent in (5, 10):
        share = percent / 100
        crops |= {
            f"left {percent} % cropped": cropped(share, 0, 0, 0),
            f"top {percent} % cropped": cropped(0, share, 0, 0),
            f"right {percent} % cropped": cropped(0, 0, share, 0),
            f"bottom {percent} % cropped": cropped(0, 0, 0, share),
        }
    crops["all sides 5 % cropped"] = cropped(0.05, 0.05, 0.05, 0.05)
    return tuple(Alteration(name, _saved(change)) for name, change in crops.items())


def _edits() -> tuple[Alteration, ...]:
    edits: dict[str, Change] = {
        "brightness": brightness,
        "contrast": contrast,
        "gamma": gamma,
        "greyscale": greyscale,
        "circle": marks.circle,
        "arrow": marks.arrow,
        "tick": marks.tick,
        "black bar": marks.bar,
        "written over": marks.written_over,
        "caption above": marks.caption_above,
        "caption below": marks.caption_below,
        "gallery": scenes.gallery,
        "chat": scenes.chat,
        "blurred": blurred,
        "noise": noisy,
        "sharpened": sharpened,
        "cropped, sent on": chain(_slightly_cropped, messenger),
        "cropped, marked, sent on": chain(_slightly_cropped, marks.circle, messenger),
        "status bar cropped, resized": chain(
            _without_bars(status=True, navigation=False), _resized(0.6)
        ),
        "grey, sent on twice": chain(greyscale, twice),
        "gallery, sent on": chain(scenes.gallery, messenger),
        "brighter, caption, sent on": chain(brightness, marks.caption_below, messenger),
    }
    return tuple(Alteration(name, _saved(change)) for name, change in edits.items())


def _hard() -> tuple[Alteration, ...]:
    ten = cropped(0.1, 0.1, 0.1, 0.1)
    hard: dict[str, Change] = {
        "all sides 10 % cropped": ten,
        "photo of screen": scenes.screen_photo,
        "10 % cropped, marked, sent on twice": chain(ten, marks.arrow, twice),
        "chat, sent on twice": chain(scenes.chat, twice),
    }
    return tuple(Alteration(name, _saved(change), hard=True) for name, change in hard.items())


ALTERATIONS: tuple[Alteration, ...] = (
    Alteration("exact copy", _exact, "format"),
    Alteration("PNG", _as_png, "format"),
    *_jpegs(),
    Alteration("sent on", _as_jpeg(messenger, 72), "format"),
    Alteration("sent on twice", _as_jpeg(twice, 72), "format"),
    *(
        Alteration(f"resized to {scale}", _saved(_resized(scale)), "format", scale=scale)
        for scale in (0.75, 0.5, 0.33)
    ),
    Alteration("WebP", _as_webp, "format"),
    Alteration("turned by EXIF", _turned, "format"),
    *_crops(),
    *_edits(),
    *_hard(),
)
"""Every way, in the order of the tables."""


def upright(picture: Image.Image) -> Image.Image:
    """Return the picture as it is seen, RGB, transparent parts on white."""
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:
        paper = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(paper, picture.convert("RGBA"))
    return picture.convert("RGB")


def _unit(picture: Image.Image) -> float:
    return min(picture.size) / 720


def _scaled(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC)


def _png(picture: Image.Image) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "PNG", compress_level=1)
    return sink.getvalue()


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality, subsampling="4:2:0")
    return sink.getvalue()


def _reopened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")
