"""Lays pictures on their candidates, and compares them with the most promising ones in full."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from imagesignals_pipeline import match
from imagesignals_pipeline.match import Guess, Look
from imagesignals_pipeline.model import OperatorError
from imagesignals_pipeline.store import pictures
from imagesignals_pipeline.store.pictures import Comparison, Pixels
from imagesignals_pipeline.workers import available_cores

T = TypeVar("T")


class DamagedFingerprintError(OperatorError):
    """What is stored of a picture cannot be read; the text says how to have it made anew."""

    def __init__(self, pixels: Pixels) -> None:
        row = f"pixels_sha256 = '\\x{pixels.hex()}'"
        super().__init__(
            f"A stored fingerprint is damaged: delete from image_fingerprints where {row}, "  # noqa: S608 - told, not run
            "then run the jobs relink_duplicates and reanalyse_outdated."
        )


class Call(Protocol):
    """Calls a function of `match` and returns its answer; from any thread."""

    def __call__(self, function: Callable[..., T], /, *args: object) -> T:
        """Call it."""
        ...


def here(function: Callable[..., T], /, *args: object) -> T:
    """Call it in this process, where two threads do a third more than one."""
    return function(*args)


@dataclass(frozen=True, slots=True)
class Seen:
    """What pairs of pictures came to: functions of the two, whoever asks and whenever.

    Attributes:
        call: Where they are looked at.
        looks: What half their size said; the later picture comes first.
        comparisons: What those came to that were compared in full.
    """

    call: Call = here
    looks: dict[tuple[Pixels, Pixels], Look] = field(
        default_factory=dict[tuple[Pixels, Pixels], Look]
    )
    comparisons: dict[tuple[Pixels, Pixels], Comparison] = field(
        default_factory=dict[tuple[Pixels, Pixels], Comparison]
    )


@dataclass(frozen=True, slots=True)
class Aligned:
    """Which candidates each picture is laid on, and what is read of both.

    `comparable` are all that could be read of: candidates and pictures.
    """

    guesses: Mapping[Pixels, Mapping[Pixels, Guess]]
    payloads: Mapping[Pixels, bytes]
    comparable: frozenset[Pixels]


def align(
    connection: Connection,
    named: Mapping[Pixels, Sequence[Pixels]],
    own: Mapping[Pixels, bytes],
    seen: Seen,
) -> Aligned:
    """Read what it takes to see which candidates are worth a look, and then those alone, whole.

    Args:
        connection: Is only read.
        named: Pictures, and their candidates.
        own: The payloads of these pictures, where they have one.
        seen: Says where to look.
    """
    candidates = {other for others in named.values() for other in others}.difference(own)
    heads = {
        **own,
        **pictures.heads(connection, match.ALGORITHM_VERSION, candidates, match.HEAD_BYTES),
    }

    def guesses_of(each: Pixels) -> dict[Pixels, Guess]:
        others = {one: heads[one] for one in named[each] if one in heads}
        head = own[each][: match.HEAD_BYTES]
        return _asked(
            lambda: seen.call(match.aligned, head, others), match.words_of, {each: head, **others}
        )

    guesses = dict(zip(own, on_all_cores(guesses_of, own), strict=True))
    looked_at = {other for others in guesses.values() for other in others}.difference(own)
    payloads = {**own, **pictures.payloads(connection, match.ALGORITHM_VERSION, looked_at)}
    return Aligned(guesses, payloads, frozenset(heads).difference(looked_at.difference(payloads)))


def compared(
    later: Pixels,
    aligned: Aligned,
    known: Mapping[tuple[Pixels, Pixels], Comparison],
    seen: Seen,
) -> list[Comparison]:
    """Return what a picture and the most promising of its candidates come to."""
    payloads = aligned.payloads
    looked_at = {
        other: (payloads[other], guess)
        for other, guess in aligned.guesses.get(later, {}).items()
        if other in payloads
    }
    unseen = {other: both for other, both in looked_at.items() if (later, other) not in seen.looks}
    if unseen:
        fresh = _asked(
            lambda: seen.call(match.glances, payloads[later], unseen),
            match.picture_of,
            {each: payloads[each] for each in (later, *unseen)},
        )
        seen.looks.update({(later, other): look for other, look in fresh.items()})
    said = {other: seen.looks[later, other] for other in looked_at}
    chosen = match.promising(said)
    found = {
        earlier: comparison
        for earlier in chosen
        for comparison in [known.get((later, earlier)) or seen.comparisons.get((later, earlier))]
        if comparison
    }
    others = {
        earlier: (payloads[earlier], said[earlier]) for earlier in chosen if earlier not in found
    }
    if others:
        verdicts = _asked(
            lambda: seen.call(match.verdicts, payloads[later], others),
            match.picture_of,
            {each: payloads[each] for each in (later, *others)},
        )
        for earlier, verdict in verdicts.items():
            found[earlier] = seen.comparisons[later, earlier] = Comparison(
                later,
                earlier,
                verdict.same_picture,
                verdict.similarity_percentage,
                verdict.explanation,
                verdict.parted,
                verdict.altered_copy,
            )
    return [found[earlier] for earlier in chosen]


def _asked(
    ask: Callable[[], T], read: Callable[[bytes], object], stored: Mapping[Pixels, bytes]
) -> T:
    """Ask about pictures, and say of which one nothing can be read.

    Raises:
        DamagedFingerprintError: Of one of them.
    """
    try:
        return ask()
    except ValueError as error:
        for pixels, payload in stored.items():
            try:
                read(payload)
            except ValueError:
                raise DamagedFingerprintError(pixels) from error
        raise


def on_all_cores(work: Callable[[Pixels], T], tasks: Iterable[Pixels]) -> list[T]:
    """Return what each task comes to.

    In threads, which wait for other processes, or are inside OpenCV and NumPy most of the time.
    """
    pool = ThreadPoolExecutor(available_cores(), thread_name_prefix="comparison")
    try:
        return list(pool.map(work, tasks))
    finally:  # whoever interrupts it waits for the comparisons that have begun alone
        pool.shutdown(cancel_futures=True)
