"""Reads every picture of a half: digests and hashes once and for all, fingerprints every time."""

import hashlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import imagehash
import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from imagesignals_pipeline_tests.evaluation.alterations import upright

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

Fingerprinter = Callable[[Image.Image], bytes]

HASHES = "hashes.json"
"""Digests and hashes of a directory; they do not depend on our matcher."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The fingerprint of one picture and what it costs; seconds are of processor time."""

    content_sha256: bytes
    pixels_sha256: bytes
    payload: bytes
    decode_seconds: float
    fingerprint_seconds: float


def measure_all(
    paths: Sequence[Path], fingerprint: Fingerprinter, *, jobs: int = 1
) -> list[Measured]:
    """Measure pictures in their order, in as many processes as allowed."""
    return list(each(partial(measure, fingerprint=fingerprint), paths, jobs))


def measure(path: Path, fingerprint: Fingerprinter) -> Measured:
    """Decode one picture and make its fingerprint."""
    content = path.read_bytes()
    started = time.process_time()
    picture = upright(Image.open(io.BytesIO(content)))
    decoded = time.process_time()
    payload = fingerprint(picture)
    done = time.process_time()
    return Measured(
        content_sha256=hashlib.sha256(content).digest(),
        pixels_sha256=hashlib.sha256(f"{picture.size}".encode() + picture.tobytes()).digest(),
        payload=payload,
        decode_seconds=decoded - started,
        fingerprint_seconds=done - decoded,
    )


def hashes_of(paths: Sequence[Path], *, jobs: int = 1) -> dict[str, list[bytes]]:
    """Return each kind of hash, a row for each picture; the directory keeps them for next time."""
    kept = paths[0].parent / HASHES
    known: dict[str, dict[str, str]] = json.loads(kept.read_text()) if kept.exists() else {}
    missing = [path for path in paths if path.name not in known]
    for path, found in zip(missing, each(_hashes, missing, jobs), strict=True):
        known[path.name] = found
    kept.write_text(json.dumps(known))
    return {
        kind: [bytes.fromhex(known[path.name][kind]) for path in paths]
        for kind in known[paths[0].name]
    }


def _hashes(path: Path) -> dict[str, str]:
    grey = upright(Image.open(path)).convert("L")
    return {
        "dHash 64": _packed(imagehash.dhash(grey)),
        "pHash 64": _packed(imagehash.phash(grey)),
        "dHash 256": _packed(imagehash.dhash(grey, 16)),
        "pHash 256": _packed(imagehash.phash(grey, 16)),
    }


def _packed(found: imagehash.ImageHash) -> str:
    return np.packbits(found.hash.ravel()).tobytes().hex()


def each(work: Callable[[_Task], _Result], tasks: Sequence[_Task], jobs: int) -> Iterator[_Result]:
    """Do all tasks, in their order, in as many processes as allowed; show how far it is."""
    with ExitStack() as stack:
        if jobs == 1 or not tasks:
            results = map(work, tasks)
        else:
            pool = stack.enter_context(ProcessPoolExecutor(jobs))
            results = pool.map(work, tasks, chunksize=4)
        quiet = not sys.stderr.isatty()
        console = Console(stderr=True)
        yield from track(results, "", len(tasks), console=console, transient=True, disable=quiet)
