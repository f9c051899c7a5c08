"""What coding the thumbnail costs, in time and in bytes, and what it loses: one line for each way.

A part of an evaluation half is fingerprinted and judged with each way of coding in turn. The time
is that of a whole fingerprint by that of decoding the picture, both of processor time.

    python -m imagesignals_pipeline_tests.benchmarks.bench_codec [--half exam] [--sample 450]
"""

import io
from collections.abc import Callable
from functools import partial
from typing import get_args

import click
import cv2
from PIL import Image

from imagesignals_pipeline import match
from imagesignals_pipeline.match import payload
from imagesignals_pipeline.match.content import Content
from imagesignals_pipeline.match.raster import Greys
from imagesignals_pipeline_tests.evaluation import (
    build,
    manifest,
    matcher,
    measure,
    sampling,
    scoring,
    tables,
)
from imagesignals_pipeline_tests.evaluation.receipts import Half

Coder = Callable[[Greys, Content, int, int], tuple[bytes, int]]
"""As `payload._coded`, whose arguments these are."""
QUALITIES = range(65, 4, -5)

_shipped = payload._coded
_webp = payload._webp


def fast_webp(grey: Greys, shown: Content, first: int, room: int) -> tuple[bytes, int]:
    """Code as the pipeline does, but with the fastest method of WebP."""
    payload._webp = _fastest
    try:
        return _shipped(grey, shown, first, room)
    finally:
        payload._webp = _webp


def _fastest(grey: Greys, quality: int) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(grey).save(sink, "WEBP", quality=quality, method=0)
    return sink.getvalue()


def any_jpeg(grey: Greys, shown: Content, first: int, room: int) -> tuple[bytes, int]:
    """Code as JPEG of the usual quality, however large it becomes."""
    del shown, room
    return _jpeg(grey, payload.JPEG_QUALITY), first


def fitting_jpeg(grey: Greys, shown: Content, first: int, room: int) -> tuple[bytes, int]:
    """Code as JPEG of the best quality that there is room for."""
    del shown
    codes = (_jpeg(grey, quality) for quality in QUALITIES)
    return next((code for code in codes if len(code) <= room), _jpeg(grey, 1)), first


def _jpeg(grey: Greys, quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", grey, options)[1].tobytes()


CODERS: dict[str, Coder] = {
    "as shipped": _shipped,
    "WebP, method 0": fast_webp,
    "JPEG 65, any size": any_jpeg,
    "JPEG that fits": fitting_jpeg,
}


def fingerprint(picture: Image.Image, coder: str) -> bytes:
    """Return a fingerprint whose thumbnail is coded in one of the ways."""
    payload._coded = CODERS[coder]
    return match.fingerprint(picture)


class Ways(matcher.Ours):
    """The pipeline's matcher with another way of coding."""

    def __init__(self, coder: str) -> None:
        self.fingerprint = partial(fingerprint, coder=coder)


@click.command(help=__doc__)
@click.option("--half", type=click.Choice(get_args(Half)), default="exam", show_default=True)
@click.option("--sample", type=click.IntRange(1), default=450, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True)
def main(half: Half, sample: int, jobs: int) -> None:
    """Print a table."""
    directory = build.ensure(half, build.DEFAULT_CACHE)
    entries = sampling.sample(manifest.load(directory), sample)
    paths = [directory / entry.file for entry in entries]
    named: dict[str, scoring.Score] = {}
    for coder in CODERS:
        way = Ways(coder)
        measured = measure.measure_all(paths, way.fingerprint, jobs=jobs)
        judged = scoring.link(entries, matcher.rule(way, measured, jobs=jobs))
        cost = tables.Cost(measured, judged)
        named[f"{coder} ({cost.ratio:.2f}, {cost.mean_bytes:,} B)"] = scoring.score(judged)
    print("\n".join(tables.comparison(named)))


if __name__ == "__main__":
    main()
