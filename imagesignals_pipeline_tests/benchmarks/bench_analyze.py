"""Pictures a second: everything that `analyze` measures, against the plain way of a script.

The plain way opens a picture with Pillow, loads it and computes imagehash.dhash. Rounds of both
alternate in one process, so that a busy machine slows both; of each the median counts. The last
column is processor time of this process for a picture, which a busy machine hardly changes; the
time of the workers is not in it.

    python -m imagesignals_pipeline_tests.benchmarks.bench_analyze [--pictures 16] [--rounds 7]
"""

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import click
import imagehash
from PIL import Image

from imagesignals_pipeline import match
from imagesignals_pipeline.model import Failure
from imagesignals_pipeline.picture import Inspectors, inspect
from imagesignals_pipeline_tests.core.drawing import DARK, INK_ON_PAPER, encode, page

WIDTH, HEIGHT = 1080, 2400

PLAIN = "plain: open, load, imagehash.dhash"

Way = Callable[[list[bytes]], object]


def plain(contents: list[bytes]) -> None:
    """Do the least that a script would do."""
    for content in contents:
        with Image.open(io.BytesIO(content)) as image:
            imagehash.dhash(image)


def ours(contents: list[bytes]) -> None:
    """Inspect in this process, on one core."""
    for content in contents:
        assert not isinstance(inspect(content), Failure)


def fingerprint_ms(images: list[Image.Image]) -> float:
    """Return the processor time of the matching room's share, in milliseconds a picture."""
    start = time.process_time()
    for image in images:
        match.fingerprint(image)
    return 1000 * (time.process_time() - start) / len(images)


def at_reduced_scale(contents: list[bytes]) -> None:
    """Do the plain way, but let the JPEG decoder give a picture of half the size."""
    for content in contents:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (WIDTH // 2, HEIGHT // 2))
            imagehash.dhash(image)


def screenshots(count: int) -> list[Image.Image]:
    """Draw receipts of different length, light and dark."""
    themes = (INK_ON_PAPER, DARK)
    return [
        page(WIDTH, HEIGHT, lines=6 + number % 16, colours=themes[number % 2])
        for number in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of one round: on the clock, and of this process on a processor."""

    wall_s: float
    processor_s: float


def taken(ways: dict[str, Way], contents: list[bytes], rounds: int) -> dict[str, Taken]:
    """Return the medians of each way, in turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wall_s, processor_s = time.perf_counter(), time.process_time()
            way(contents)
            spent = (time.perf_counter() - wall_s, time.process_time() - processor_s)
            times[name].append(spent)
    return {
        name: Taken(median(wall for wall, _ in spent), median(used for _, used in spent))
        for name, spent in times.items()
    }


def changed_hashes(contents: list[bytes]) -> int:
    """Count the pictures whose stored hash a decoder at half the size would change."""
    changed = 0
    for content in contents:
        with Image.open(io.BytesIO(content)) as whole, Image.open(io.BytesIO(content)) as half:
            half.draft("RGB", (WIDTH // 2, HEIGHT // 2))
            changed += imagehash.dhash(whole) != imagehash.dhash(half)
    return changed


def report(name: str, contents: list[bytes], inspectors: Inspectors, rounds: int) -> None:
    """Print one line for each way."""

    def in_workers(pictures: list[bytes]) -> object:
        return list(inspectors.inspect_all(pictures, bytes))

    ways: dict[str, Way] = {
        PLAIN: plain,
        "inspect, one core": ours,
        f"Inspectors, {inspectors.workers} workers": in_workers,
    }
    if name == "JPEG":
        ways["plain at half scale (draft)"] = at_reduced_scale
    results = taken(ways, contents, rounds)
    reference_s = results[PLAIN].wall_s
    for way, spent in results.items():
        rate = len(contents) / spent.wall_s
        processor_ms = 1000 * spent.processor_s / len(contents)
        ratio = reference_s / spent.wall_s
        print(f"{name:5} {way:36} {rate:7.1f} a second {ratio:6.2f} x plain {processor_ms:7.1f} ms")


@click.command()
@click.option("--pictures", default=16, show_default=True, help="Pictures in a round.")
@click.option("--rounds", default=7, show_default=True, help="Rounds of which the median counts.")
def main(pictures: int, rounds: int) -> None:
    """Print pictures a second for 1080 x 2400 screenshots as PNG and as JPEG."""
    images = screenshots(pictures)
    jpegs = [encode(image, "JPEG", quality=85) for image in images]
    start = time.perf_counter()
    with Inspectors() as inspectors:
        inspectors.inspect(jpegs[0])
        print(f"first picture, with the start of a worker: {time.perf_counter() - start:.2f} s")
        list(inspectors.inspect_all(jpegs, bytes))
        report("PNG", [encode(image) for image in images], inspectors, rounds)
        report("JPEG", jpegs, inspectors, rounds)
    print(f"of which match.fingerprint: {fingerprint_ms(images):.1f} ms")
    print(f"hashes that half scale would change: {changed_hashes(jpegs)} of {pictures}")


if __name__ == "__main__":
    main()
