"""What happens to the screenshots of the exam half: the same kinds of thing, done by others.

Other resamplers, encoders, crops, pens and chrome than in `alterations`; the families and what is
hard are the same.
"""

import io
from collections.abc import Callable
from functools import partial
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from imagesignals_pipeline_tests.evaluation import marks_exam, scenes_exam
from imagesignals_pipeline_tests.evaluation.alterations import (
    ORIENTATION,
    Alteration,
    Change,
    Copied,
    chain,
    cropped,
)

Save = Callable[[Image.Image, Random], Copied]


def forwarded(picture: Image.Image, random: Random) -> Image.Image:
    """What another messenger sends on: long side 1920, 1440 or 1280, progressive JPEG."""
    longest = random.choice((1920, 1440, 1280))
    if max(picture.size) > longest:
        picture = _area(picture, longest / max(picture.size))
    content = _encoded(picture, quality=random.randint(64, 80), progressive=True)
    return Image.open(io.BytesIO(content)).convert("RGB")


def forwarded_twice(picture: Image.Image, random: Random) -> Image.Image:
    """Sent on, and sent on again."""
    return forwarded(forwarded(picture, random), random)


def night_light(picture: Image.Image, random: Random) -> Image.Image:
    """Warmer, as phones show their screens in the evening."""
    warm = random.uniform(0.3, 1.0)
    return _tinted(picture, (1, 1 - 0.14 * warm, 1 - 0.4 * warm))


def cool(picture: Image.Image, random: Random) -> Image.Image:
    """Bluer, as a badly set screen shows it."""
    return _tinted(picture, (1 - random.uniform(0.05, 0.14), 0.97, 1))


def faded(picture: Image.Image, random: Random) -> Image.Image:
    """A filter that lifts the blacks and dims the whites."""
    low, high = random.randint(12, 40), random.randint(205, 240)
    return picture.point([round(low + (high - low) * level / 255) for level in range(256)] * 3)


def s_curve(picture: Image.Image, random: Random) -> Image.Image:
    """The gallery's "pop": darker darks and lighter lights."""
    bend = random.uniform(0.4, 0.9)
    table = [
        round(255 * np.clip(x + bend * (x - 0.5) * x * (1 - x) * 2, 0, 1))
        for x in (level / 255 for level in range(256))
    ]
    return picture.point(table * 3)


def vivid(picture: Image.Image, random: Random) -> Image.Image:
    """More colour, or less."""
    return ImageEnhance.Color(picture).enhance(random.choice((0.35, 0.6, 1.5, 1.9)))


def levels(picture: Image.Image, random: Random) -> Image.Image:
    """What automatic correction makes of it."""
    return ImageOps.autocontrast(picture, cutoff=(random.uniform(0, 1.5), random.uniform(0, 3)))


def few_colours(picture: Image.Image, random: Random) -> Image.Image:
    """A palette of 48 to 128 colours."""
    colours = random.choice((48, 64, 96, 128))
    return picture.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert(
        "RGB"
    )


def scanned_grey(picture: Image.Image, random: Random) -> Image.Image:
    """Grey, a little stronger, as scanner apps save."""
    grey = picture.getchannel("G").convert("RGB")
    return ImageEnhance.Contrast(grey).enhance(random.uniform(1.05, 1.25))


def soft(picture: Image.Image, random: Random) -> Image.Image:
    """Softened by resampling: a little smaller and back."""
    share = random.uniform(0.55, 0.75)
    smaller = _resampled(picture, share, Image.Resampling.BILINEAR)
    return smaller.resize(picture.size, Image.Resampling.BILINEAR)


def shaken(picture: Image.Image, random: Random) -> Image.Image:
    """Moved while it was taken: by less than a digit's stroke."""
    length = max(2, round(random.uniform(1.0, 2.2) * min(picture.size) / 720))
    size = (length, 1) if random.random() < 0.5 else (1, length)
    return Image.fromarray(cv2.blur(np.asarray(picture), size))


def speckled(picture: Image.Image, random: Random) -> Image.Image:
    """Noise of brightness alone, in grains of two pixels."""
    generator = np.random.default_rng(random.randrange(1 << 32))
    half = (picture.height // 2 + 1, picture.width // 2 + 1)
    grain = generator.normal(0, random.uniform(4, 8), half).repeat(2, 0).repeat(2, 1)
    grain = grain[: picture.height, : picture.width, None]
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def crisp(picture: Image.Image, random: Random) -> Image.Image:
    """Details brought out."""
    return picture.filter(ImageFilter.DETAIL if random.random() < 0.5 else ImageFilter.SHARPEN)


def by_hand(least: float, most: float) -> Change:
    """Return a crop by hand: each side loses its own share, so the middle moves."""

    def crop(picture: Image.Image, random: Random) -> Image.Image:
        left, top, right, bottom = (random.uniform(least, most) for _ in range(4))
        return cropped(left, top, right, bottom)(picture, random)

    return crop


def without_status_bar(picture: Image.Image, random: Random) -> Image.Image:
    """Cropped by hand below the status bar."""
    return cropped(0, random.uniform(0.036, 0.06), 0, 0)(picture, random)


def without_navigation_bar(picture: Image.Image, random: Random) -> Image.Image:
    """Cropped by hand above the navigation bar."""
    return cropped(0, 0, 0, random.uniform(0.025, 0.065))(picture, random)


def corner_cropped(picture: Image.Image, random: Random) -> Image.Image:
    """Two sides that meet lose 4 to 8 %."""
    across, along = random.uniform(0.04, 0.08), random.uniform(0.04, 0.08)
    sides = (across, 0) if random.random() < 0.5 else (0, across)
    ends = (along, 0) if random.random() < 0.5 else (0, along)
    return cropped(sides[0], ends[0], sides[1], ends[1])(picture, random)


def off_centre(picture: Image.Image, random: Random) -> Image.Image:
    """A fifth of the width and of the height goes, more of it on one side than on the other."""
    across, along = random.uniform(0.07, 0.13), random.uniform(0.07, 0.13)
    return cropped(across, along, 0.2 - across, 0.2 - along)(picture, random)


def _tinted(picture: Image.Image, gains: tuple[float, float, float]) -> Image.Image:
    return picture.point([round(level * gain) for gain in gains for level in range(256)])


def _resampled(picture: Image.Image, scale: float, method: Image.Resampling) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.resize(size, method)


def _area(picture: Image.Image, scale: float) -> Image.Image:
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    pixels: NDArray[np.uint8] = np.asarray(picture)
    return Image.fromarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def _encoded(
    picture: Image.Image, *, quality: int, progressive: bool = False, subsampling: str = "4:2:0"
) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=quality, progressive=progressive, subsampling=subsampling)
    return sink.getvalue()


def _jpeg(
    picture: Image.Image, random: Random, *, quality: int, progressive: bool, subsampling: str
) -> Copied:
    del random
    content = _encoded(picture, quality=quality, progressive=progressive, subsampling=subsampling)
    return Copied(content, ".jpg")


def _cv2_jpeg(picture: Image.Image, random: Random) -> Copied:
    """Another program's encoder and settings."""
    pixels = cv2.cvtColor(np.asarray(picture), cv2.COLOR_RGB2BGR)
    settings = (cv2.IMWRITE_JPEG_QUALITY, random.randint(70, 88), cv2.IMWRITE_JPEG_OPTIMIZE, 1)
    _, content = cv2.imencode(".jpg", pixels, settings)
    return Copied(content.tobytes(), ".jpg")


def _png(picture: Image.Image, random: Random) -> Copied:
    del random
    return _in_format(picture, "PNG", compress_level=3)


def _avif(picture: Image.Image, random: Random) -> Copied:
    return _in_format(picture, "AVIF", quality=random.randint(50, 75), speed=9)


def _webp(picture: Image.Image, random: Random) -> Copied:
    return _in_format(picture, "WEBP", quality=random.randint(55, 90), method=2)


def _in_format(picture: Image.Image, name: str, **settings: int) -> Copied:
    sink = io.BytesIO()
    picture.save(sink, name, **settings)
    return Copied(sink.getvalue(), f".{name.lower()}")


def _edited(picture: Image.Image, random: Random) -> Copied:
    """What editors save: mostly good JPEG of either kind, also PNG and WebP."""
    draw = random.random()
    if draw < 0.2:
        return _png(picture, random)
    if draw < 0.35:
        return _in_format(picture, "WEBP", quality=random.randint(80, 92), method=1)
    subsampling = "4:4:4" if draw < 0.65 else "4:2:0"
    quality = random.randint(82, 97)
    content = _encoded(picture, quality=quality, progressive=draw < 0.5, subsampling=subsampling)
    return Copied(content, ".jpg")


def _turned(picture: Image.Image, random: Random) -> Copied:
    """Store the pixels lying and tell so in the EXIF of a WebP or PNG."""
    orientation, undo = random.choice(
        (
            (6, Image.Transpose.ROTATE_90),
            (8, Image.Transpose.ROTATE_270),
            (3, Image.Transpose.ROTATE_180),
        )
    )
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    name = random.choice(("WEBP", "PNG"))
    sink = io.BytesIO()
    picture.transpose(undo).save(sink, name, quality=90, exif=exif)
    return Copied(sink.getvalue(), f".{name.lower()}")


def _exact(content: bytes, picture: Image.Image, random: Random) -> Copied:
    del picture, random
    return Copied(content, "")


def _apply(
    content: bytes, picture: Image.Image, random: Random, *, change: Change | None, save: Save
) -> Copied:
    del content
    return save(change(picture, random) if change else picture, random)


def _format(name: str, save: Save, change: Change | None = None, scale: float = 1) -> Alteration:
    return Alteration(name, partial(_apply, change=change, save=save), "format", scale=scale)


def _jpegs() -> tuple[Alteration, ...]:
    return tuple(
        _format(
            f"JPEG {quality} {'progressive ' if progressive else ''}{subsampling}",
            partial(_jpeg, quality=quality, progressive=progressive, subsampling=subsampling),
        )
        for quality, progressive, subsampling in (
            (92, False, "4:4:4"),
            (78, True, "4:2:0"),
            (62, False, "4:2:2"),
            (45, True, "4:4:4"),
            (33, False, "4:2:0"),
        )
    )


def _sizes() -> tuple[Alteration, ...]:
    def resized(scale: float, method: Image.Resampling | None) -> Change:
        def resize(picture: Image.Image, random: Random) -> Image.Image:
            del random
            return _resampled(picture, scale, method) if method else _area(picture, scale)

        return resize

    return tuple(
        _format(f"resized to {scale} by {name}", _edited, resized(scale, method), scale)
        for name, scale, method in (
            ("LANCZOS", 1.25, Image.Resampling.LANCZOS),
            ("BOX", 0.8, Image.Resampling.BOX),
            ("AREA", 0.6, None),
            ("LANCZOS", 0.4, Image.Resampling.LANCZOS),
        )
    )


def _crops() -> dict[str, Change]:
    crops: dict[str, Change] = {
        "status bar cropped by hand": without_status_bar,
        "navigation bar cropped by hand": without_navigation_bar,
        "both bars cropped by hand": chain(without_status_bar, without_navigation_bar),
        "status bar covered": marks_exam.covered_bar,
    }
    for percent in (7, 9):
        share = percent / 100
        crops |= {
            f"left {percent} % cropped": cropped(share, 0, 0, 0),
            f"top {percent} % cropped": cropped(0, share, 0, 0),
            f"right {percent} % cropped": cropped(0, 0, share, 0),
            f"bottom {percent} % cropped": cropped(0, 0, 0, share),
        }
    crops["corner cropped"] = corner_cropped
    crops["all sides cropped by hand"] = by_hand(0.02, 0.07)
    return crops


EDITS: dict[str, Change] = {
    "night light": night_light,
    "cool": cool,
    "faded": faded,
    "s-curve": s_curve,
    "vivid": vivid,
    "automatic levels": levels,
    "few colours": few_colours,
    "scanned grey": scanned_grey,
    "highlighter": marks_exam.highlighter,
    "scribble": marks_exam.scribble,
    "underlined": marks_exam.underline,
    "sticker": marks_exam.sticker,
    "scratched out": marks_exam.scratched_out,
    "date below": marks_exam.dated_below,
    "watermark": marks_exam.watermark,
    "album": scenes_exam.album,
    "bubble": scenes_exam.bubble,
    "framed": scenes_exam.framed,
    "scrolled": scenes_exam.scrolled,
    "soft": soft,
    "shaken": shaken,
    "speckled": speckled,
    "crisp": crisp,
    "cropped by hand, forwarded": chain(by_hand(0, 0.06), forwarded),
    "highlighter, forwarded": chain(marks_exam.highlighter, forwarded),
    "sticker, cropped, forwarded": chain(marks_exam.sticker, by_hand(0, 0.06), forwarded),
    "framed, forwarded": chain(scenes_exam.framed, forwarded),
    "album, forwarded": chain(scenes_exam.album, forwarded),
    "night light, date below, forwarded": chain(night_light, marks_exam.dated_below, forwarded),
}

HARD: dict[str, Change] = {
    "all sides 10 % cropped, off centre": off_centre,
    "photo of screen on a desk": scenes_exam.desk_photo,
    "10 % cropped, scribble, forwarded twice": chain(
        off_centre, marks_exam.scribble, forwarded_twice
    ),
    "story, forwarded twice": chain(scenes_exam.story, forwarded_twice),
}

ALTERATIONS: tuple[Alteration, ...] = (
    Alteration("exact copy", _exact, "format"),
    _format("PNG", _png),
    *_jpegs(),
    _format("JPEG of another program", _cv2_jpeg),
    _format("AVIF", _avif),
    _format("WebP", _webp),
    _format(
        "forwarded", partial(_jpeg, quality=76, progressive=True, subsampling="4:2:0"), forwarded
    ),
    _format(
        "forwarded twice",
        partial(_jpeg, quality=76, progressive=True, subsampling="4:2:0"),
        forwarded_twice,
    ),
    *_sizes(),
    _format("turned by EXIF", _turned),
    *(
        Alteration(name, partial(_apply, change=change, save=_edited))
        for name, change in (_crops() | EDITS).items()
    ),
    *(
        Alteration(name, partial(_apply, change=change, save=_edited), hard=True)
        for name, change in HARD.items()
    ),
)
"""Every way, in the order of the tables."""
