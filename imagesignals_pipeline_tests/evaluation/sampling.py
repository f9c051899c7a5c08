"""A small fixed part of a half that still has originals for its copies."""

from collections.abc import Iterable, Sequence
from random import Random

from imagesignals_pipeline_tests.evaluation.manifest import Entry


def sample(entries: Sequence[Entry], count: int) -> list[Entry]:
    """Return about `count` pictures in order: copies and forgeries, their originals, look-alikes.

    The same call gives the same sample; a larger one contains other pictures.
    """
    random = Random(count)
    by_file = {entry.file: entry for entry in entries}
    altered = _shuffled((entry for entry in entries if entry.copy_of), random)
    kept: set[str] = set()
    for entry in altered:
        if len(kept) >= count * 2 // 3:
            break
        kept |= {entry.file, entry.copy_of or ""}
    series = {by_file[file].series for file in kept}
    honest = _shuffled(
        (entry for entry in entries if not entry.copy_of and entry.file not in kept), random
    )
    honest.sort(key=lambda entry: entry.series not in series)
    kept |= {entry.file for entry in honest[: max(0, count - len(kept))]}
    return [entry for entry in entries if entry.file in kept]


def _shuffled(entries: Iterable[Entry], random: Random) -> list[Entry]:
    pile = list(entries)
    random.shuffle(pile)
    return pile
