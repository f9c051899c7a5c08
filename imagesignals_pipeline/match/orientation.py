"""Finds which way up a picture's text stands: a paper may have been photographed from its side.

Text runs across: its words are long from left to right. And it stands on a line, so that the ink
of a word ends more abruptly below than above, in most scripts. What stands on its head is left as
it is.
"""

from typing import Final

import numpy as np

from imagesignals_pipeline.match import content, words
from imagesignals_pipeline.match.content import Content
from imagesignals_pipeline.match.raster import Greys
from imagesignals_pipeline.match.words import Words

LONG: Final = 3.0
"""Width by height of words that tell the direction of their line."""
SURELY_ACROSS, TEXT = 0.75, 0.5
"""Share of the width of all words that long ones make up: from the one on a picture needs no second
look, below the other it shows no text. Of 582 receipts and copies the least has 0.53, and one in
ten less than 0.77; turned by a quarter all have 0.69 at most."""
SIDEWAYS: Final = 1.5
"""So many times the long words of a picture as it is must a quarter turn show. These receipts have
at least twice as many upright as turned."""
LEAST_LONG_PX, IF_ROUGH_PX = 220.0, 650.0
"""Least spread of all long words together, and of a picture that is rough as a photograph: of some
300 receipts and copies turned by a quarter the least has 357, of the rough ones 741; of 160
photographs of no text none that passes for text has more than 577."""
ENLARGED: Final = 2.0
"""Where lines end is seen on a larger thumbnail: of 362 receipts and copies 4 are taken to stand on
their head there, and 20 at the usual size."""
GAP_PX: Final = 4


def quarter_turns(shown: Content, thumbnail: Greys, found: Words) -> int:
    """Return by how many quarter turns to the right a picture has to be turned: 0, 1 or 3.

    Args:
        shown: Its content.
        thumbnail: The usual one of it.
        found: Its words.
    """
    long, share = _long(found)
    if share > SURELY_ACROSS:
        return 0
    least = LEAST_LONG_PX if found.in_print.all() else IF_ROUGH_PX
    long_then, share_then = _long(words.find(turned(thumbnail, 1)))
    if share_then < TEXT or long_then < max(SIDEWAYS * long, least):
        return 0
    return 3 if _on_its_head(content.find(turned(shown.picture, 1))) else 1


def turned(grey: Greys, quarters: int) -> Greys:
    """Return a picture turned by so many quarters to the right."""
    return np.ascontiguousarray(np.rot90(grey, -quarters))


def _long(found: Words) -> tuple[float, float]:
    """Return the spread, from left to right, of all long words together; and its share of all."""
    wide, high = found.spread[found.in_print].T
    long = float(wide[wide > LONG * high].sum())
    return long, long / max(float(wide.sum()), 1)


def _on_its_head(shown: Content) -> bool:
    """Return whether words end more abruptly above than below."""
    usual = shown.usual
    step = max(min(usual + round(content.steps(ENLARGED)), shown.native), usual)
    zoom = shown.scale(step) / shown.scale(usual)
    steps = words.strokes(shown.at(step))
    ink = steps * words.ink(steps, round(zoom * words.RULE_PX))
    lean = 0.0
    for x, y, wide, high in words.boxes(ink > 0, round(zoom * GAP_PX)).tolist():
        if wide > 2 * high:
            rows = ink[y : y + high, x : x + wide].sum(axis=1, dtype=np.int64)
            edges = np.diff(np.pad(rows, 1))
            begins, ends = float(edges.max()), float(-edges.min())
            lean += (begins - ends) / max(begins, ends, 1)
    return lean > 0
