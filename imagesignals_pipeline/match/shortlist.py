"""The middle stage: which few of the candidates are worth a full comparison."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from imagesignals_pipeline.match import alignment, payload, raster
from imagesignals_pipeline.match.alignment import Guess
from imagesignals_pipeline.match.differences import COMPARABLE, EXCESS, noise_of
from imagesignals_pipeline.match.payload import Print

MAX_GLANCES: Final = 20
"""Candidates that are looked at, at half size, after their words were laid on each other."""
SURE_GLANCES, LEAST_SHARE = 10, 0.3
"""Beyond the first ten a candidate is looked at if it has this share of the most agreeing words. Of
1,027 copies none had its original among the others, which are a quarter of all looks."""
MAX_COMPARISONS: Final = 5
"""Candidates that pass: full comparisons for each new picture."""
LEAST_ALIKE: Final = 0.9
"""Share of the text that must agree at half size. Of 90 copies, hard ones among them, the least
alike had 0.946; most look-alikes have less than 0.9."""
MIN_AGREEING: Final = 2
"""Words in the same places without which two pictures cannot even be laid on each other."""
WINDOW: Final = 5
EDGE_PX: Final = 9
LEAST_VARIANCE: Final = 60.0
"""Of a window with text, in squared grey levels of the half-size picture."""
LEAST_PIXELS: Final = 50


def promising(packed: bytes, candidates: Sequence[bytes]) -> list[int]:
    """Return the numbers of the few candidates worth a full comparison, the likeliest first.

    Those whose words agree most are laid on the picture at half size, and the share of the text
    that agrees then decides: it tells one month's receipt from the next where equal words do not,
    because the original was stored as a poor JPEG and its look-alikes are clean. Ties go to more
    agreeing words, then to the earlier number.
    """
    one = payload.unpack(packed)
    others = [payload.unpack(each) for each in candidates]
    guesses = [alignment.propose(one.words, other.words) for other in others]
    order = sorted(
        (number for number, guess in enumerate(guesses) if guess.agreeing >= MIN_AGREEING),
        key=lambda number: (-guesses[number].agreeing, -guesses[number].likeness, number),
    )
    seen = {
        number: agreement(one, others[number], guesses[number])
        for place, number in enumerate(order[:MAX_GLANCES])
        if place < SURE_GLANCES
        or guesses[number].agreeing >= LEAST_SHARE * guesses[order[0]].agreeing
    }
    best = sorted(seen, key=lambda number: -seen[number])
    return [number for number in best[:MAX_COMPARISONS] if seen[number] >= LEAST_ALIKE]


def agreement(a: Print, b: Print, guess: Guess) -> float:
    """Return the share of the text that agrees at half size, from 0 to 1, once b lies on a."""
    matrix = guess.matrix
    if guess.scale < 1:  # the coarser one is the frame
        a, b, matrix = b, a, alignment.inverse(matrix)
    coarse = payload.halved(a.coded)
    fine, matrix = alignment.as_coarse(payload.halved(b.coded), alignment.halved(matrix))
    laid = alignment.lay_roughly(coarse, fine, matrix)
    correlation, least, most = raster.correlation(coarse, laid.b, WINDOW)
    well_inside = ~raster.grown(~laid.inside, EDGE_PX, EDGE_PX)
    text = (least > LEAST_VARIANCE) & (least > COMPARABLE * most) & well_inside
    if text.sum() < LEAST_PIXELS:
        return 0.0
    seen = correlation[text]
    noise = noise_of(float(np.median(seen)), least[text])
    return float((1 - seen <= EXCESS * noise).mean())
