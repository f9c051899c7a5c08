"""One picture's bytes -> everything they tell, in worker processes where they can do no harm."""

import hashlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import Self

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from imagesignals_pipeline import match
from imagesignals_pipeline.analyse import exif, hashes, screenshot, texture
from imagesignals_pipeline.analyse.decode import Picture, decode
from imagesignals_pipeline.analyse.formats import Format
from imagesignals_pipeline.model import Analysis, Failure, FailureKind, Fingerprint, Signals


def inspect(content: bytes) -> Analysis | Failure:
    """Return everything that the picture's bytes alone tell, or why they tell nothing."""
    picture = decode(content)
    return picture if isinstance(picture, Failure) else _analysis(content, picture)


def _analysis(content: bytes, picture: Picture) -> Analysis:
    image = picture.image
    grey = image.convert("L")
    surface = texture.texture(grey)
    metadata = exif.read(picture)
    validity = screenshot.judge(
        image.width,
        image.height,
        surface,
        source=metadata.source_type,
        is_document=picture.format is Format.PDF,
    )
    signals = Signals(
        perceptual_hash=hashes.dhash(grey),
        exif_available=metadata.available,
        exif_creation_date=metadata.creation_date,
        exif_source_type=metadata.source_type,
        exif_metadata_stripped=metadata.stripped,
        exif_editor_detected=metadata.editor,
        metadata_notes=metadata.notes,
        looks_like_screenshot=validity.looks_like_screenshot,
        aspect_ratio=validity.aspect_ratio,
        resolution_width=image.width,
        resolution_height=image.height,
        text_density_score=validity.text_density_score,
        screenshot_validity_explanation=validity.explanation,
    )
    fingerprint = Fingerprint(
        content_sha256=hashlib.sha256(content).digest(),
        pixels_sha256=None if surface.featureless else hashes.pixels_sha256(image),
        payload=match.fingerprint(image),
        algorithm_version=match.ALGORITHM_VERSION,
    )
    return Analysis(signals, fingerprint)


class Inspectors:
    """A pool of reused worker processes that inspect pictures; a context manager."""

    def __init__(self, workers: int | None = None, *, timeout_s: float = 20.0) -> None:
        self._timeout_s = timeout_s
        self._pool = ProcessPool(
            workers or len(os.sched_getaffinity(0)),
            context=multiprocessing.get_context("spawn"),  # pyright: ignore[reportArgumentType] - Pebble's protocol omits Windows pipes
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.stop() if error else self._pool.close()
        self._pool.join()

    def inspect(self, content: bytes) -> Analysis | Failure:
        """Inspect one picture in a worker; callable from any thread."""
        return _answer(self._submit(content))

    def inspect_all(self, contents: Sequence[bytes]) -> list[Analysis | Failure]:
        """Inspect pictures in parallel; the answers come in the order of the pictures."""
        return [_answer(future) for future in [self._submit(content) for content in contents]]

    def _submit(self, content: bytes) -> ProcessFuture[Analysis | Failure]:
        return self._pool.schedule(inspect, args=(content,), timeout=self._timeout_s)


def _answer(future: ProcessFuture[Analysis | Failure]) -> Analysis | Failure:
    try:
        return future.result()
    except FutureTimeoutError:
        return Failure(FailureKind.DECODER_LIMIT, "Decoding took too long and was stopped")
    except (ProcessExpired, MemoryError):
        return Failure(FailureKind.DECODER_LIMIT, "Decoding needed too much and was stopped")
