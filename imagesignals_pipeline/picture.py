"""One picture's bytes -> everything they tell, in worker processes where they can do no harm."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

from imagesignals_pipeline import match
from imagesignals_pipeline.analyse import exif, hashes, screenshot, texture
from imagesignals_pipeline.analyse.decode import Picture, decode
from imagesignals_pipeline.analyse.formats import Format
from imagesignals_pipeline.model import Analysis, Failure, FailureKind, Fingerprint, Signals
from imagesignals_pipeline.workers import Limits, NoWorkersHereError, StoppedError, Workers

_LOGGER = logging.getLogger(__name__)
_OURS = re.compile(r'File "[^"\n]*/imagesignals_pipeline/([\w/]{1,60}\.py)", line (\d{1,6}),')

T = TypeVar("T")


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
        pixels_sha256=(
            None
            if surface.featureless and picture.is_all
            else hashes.pixels_sha256(image, picture.rest + picture.transparency)
        ),
        payload=match.fingerprint(grey, picture.rest),
        algorithm_version=match.ALGORITHM_VERSION,
    )
    return Analysis(signals, fingerprint)


class Inspectors:
    """Inspects pictures in worker processes; a context manager.

    Whatever a picture does to its worker (crash, hang, eat memory) is one Failure of that picture;
    the others go on. Workers start with the first picture and are reused. Its methods may
    be called from any number of threads: a thread that fetches waits for its own picture only, so
    that fetching and decoding overlap.

    Args:
        workers: Number of processes, by default one for each core that this process may use.
        limits: What one picture may cost.
    """

    def __init__(self, workers: int | None = None, *, limits: Limits | None = None) -> None:
        self._workers = Workers(workers, limits=limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.__exit__()

    @property
    def workers(self) -> int:
        """How many pictures are decoded at once."""
        return self._workers.count

    def inspect(self, content: bytes) -> Analysis | Failure:
        """Inspect one picture in a worker, and wait for it.

        Whatever it causes becomes its own failure, also an error of ours: one picture that finds a
        mistake in our code must not end every run that comes to it; the row can be retried, and
        the log says what happened.

        Raises:
            NoWorkersHereError: Workers cannot be started at all; no picture is to blame.
        """
        try:
            return self._workers.call(inspect, content)
        except NoWorkersHereError:
            raise
        except StoppedError as stopped:
            return Failure(FailureKind.DECODER_LIMIT, f"Decoding stopped: {stopped}")
        except Exception as error:
            _LOGGER.exception("A picture of %d bytes could not be inspected", len(content))
            what = f"{type(error).__name__}{_where(error)}"
            detail = f"Not analysed: unforeseen {what}, please report it"
            return Failure(FailureKind.DECODER_LIMIT, detail)

    def call(self, function: Callable[..., T], /, *args: object) -> T:
        """Call a function on what is ours in a worker, or here if the worker was stopped.

        Raises:
            NoWorkersHereError: Workers cannot be started at all.
        """
        try:
            return self._workers.call(function, *args)
        except StoppedError:
            return function(*args)

    def inspect_all(
        self, pictures: Iterable[T], read: Callable[[T], bytes | Failure]
    ) -> Iterator[Analysis | Failure]:
        """Inspect pictures on all workers; the answers come in their order, each as soon as it can.

        Args:
            pictures: What `read` takes.
            read: Returns the bytes of one, when a worker is to have them, or why there are none.
        """

        def answer(picture: T) -> Analysis | Failure:
            content = read(picture)
            return content if isinstance(content, Failure) else self.inspect(content)

        with ThreadPoolExecutor(self.workers) as threads:
            yield from threads.map(answer, pictures)


def _where(error: Exception) -> str:
    """Return in which line of ours an error of a worker came up, and nothing that it says."""
    lines = _OURS.findall(str(error.__cause__))  # the worker's own traceback
    return f" at {':'.join(lines[-1])}" if lines else ""
