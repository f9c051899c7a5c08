"""Decides whether two pictures are the same, and says why in words an accountant understands."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np

from imagesignals_pipeline.match import alignment, glance, payload
from imagesignals_pipeline.match.differences import (
    CERTAIN_SPOT,
    MIN_AGREEING,
    Differences,
    differences,
    in_one_place,
)
from imagesignals_pipeline.match.glance import Look
from imagesignals_pipeline.match.payload import Print

MIN_CORRELATION: Final = 0.82
"""Median of the windows: a wrong alignment has 0.5 and less, the worst photo of a screen 0.88."""
STRONGEST_SPOT: Final = 2.5
STRONGEST_THREE: Final = 4.5
"""Of clear pairs. Of 381 pairs of honest look-alikes that nothing else parted one had a strongest
spot of 4.7, all others one above 8; of copies 97 in 100 stay below 2. Between a pen's strokes one
of 310 marked copies of tune has more, and 24 of 53 pairs of other payments that rings made equal.
"""
CLEAR: Final = 0.955
BLURRED_SIX: Final = 1.2
LEAST_AGREEING: Final = 0.08
"""A pair whose median window correlates less is blurred, and its digits with it: then even the six
strongest spots together may come to no more, and so many of the words must agree. Of 20 wrong
pairs among 18,584 of both halves all were blurred; 99 in 100 right ones come to less than 1.5."""
SMALL_PRINT_PX, SMALL_PRINT_CORRELATION = 5.0, 0.9
"""Lines lower than that in a thumbnail have digits of three pixels: a changed one leaves no spot,
and only a clear pair may count. Found on a spreadsheet of 1920 x 1080, most copies of
which are left undecided by it."""
TINY_PRINT_PX: Final = 4.0
"""Below that only a pair that is not blurred at all may. At 3.7 pixels a statement of 44 rows, at
half its size, agreed with that of another month to 0.915, and with its own copies to 0.87; copies
of another one, at 4.3 to 4.9 pixels, agree to 0.9 and more, and no two months of it."""
SHARP: Final = 0.65
"""Where even the sharper picture has softer text, digits are blots that resemble any other, as in
two photos out of focus: nothing can be said. Receipts drawn here are told apart down to 0.55, and
from 0.48 on are not; of 261 right pairs of tune and report the softest text had 0.81, the softest
photograph 0.74."""
MOST_WRONG, MOST_WRONG_IF_CLEAR = 0.008, 0.015
"""Ten of 3,088 right pairs, all of them clear, were parted by the lower limit alone, and none of
1,470 pairs of honest look-alikes: where little is written a faint spot is a large share of it."""
MOST_FOREIGN: Final = 0.25
"""Under more ink than that too much could hide."""
MOST_LONELY: Final = 0.1
MOST_BEYOND: Final = 0.12
"""Both pictures reach beyond the other, or have text of their own under strokes: a thread that was
scrolled, not a crop. One that is cropped and another that is marked add nothing."""
BLURRED_BEYOND: Final = 0.06
"""The same in a blurred pair, in which noise may pass for strokes."""
MOST_SCROLLED: Final = 0.07
"""One has text of its own above and the other below: two moments of a thread, neither a crop nor
a crop of what somebody wrote on. The threads of three honest residents, each cropped, had 0.18 and
more; of 2,400 right pairs three had more than 0.068, all of a picture with a scribble over its last
lines."""
MOST_ROWS: Final = 1
"""Words of one's own that go on with a list. Of 2,793 right pairs none has more; of 156 pairs of
lists that grew by a row, and that nothing else parted, all; `evaluation.growing` draws others."""
MIN_SHARED: Final = 0.35
"""Share of the fuller picture's words that the other must reach at least."""
UNTOUCHED: Final = 0.02
SHIFTED: Final = 0.02
RESCALED: Final = 0.03
MARKED: Final = 0.01
SIDES: Final = ("left", "top", "right", "bottom")


class Tier(StrEnum):
    """How two pictures are related; only the first makes a duplicate."""

    SAME_PICTURE = "same_picture"
    ALTERED_COPY = "altered_copy"
    SAME_TEMPLATE = "same_template"
    DIFFERENT = "different"


EXPLANATIONS: Final = {
    Tier.SAME_PICTURE: "the same text in the same places",
    Tier.ALTERED_COPY: "the pictures agree except in one place",
    Tier.SAME_TEMPLATE: "the same app, but other details",
    Tier.DIFFERENT: "hardly any text in common",
}
OTHER_PAGES: Final = "the first page or frame agrees, but not what comes after it"
BANDS: Final = {
    Tier.SAME_PICTURE: (90, 100),
    Tier.ALTERED_COPY: (80, 89),
    Tier.SAME_TEMPLATE: (20, 79),
    Tier.DIFFERENT: (0, 19),
}
"""`similarity_percentage` by tier, so that a likelier tier never shows the smaller number."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison comes to.

    `similarity_percentage` is the share of the text both could show that agrees, held within the
    band of its tier. `explanation` is a clause that goes on after a comma. `parted`: some text that
    both show is certainly not the same, or what their files show after it, so that no third picture
    (such as a screenshot of the first page) can make one a copy of the other.
    """

    tier: Tier
    similarity_percentage: int
    explanation: str
    parted: bool = False

    @property
    def same_picture(self) -> bool:
        """Whether one is a copy of the other."""
        return self.tier is Tier.SAME_PICTURE

    @property
    def altered_copy(self) -> bool:
        """Whether the two agree except in one place."""
        return self.tier is Tier.ALTERED_COPY


def compare(one: bytes, other: bytes) -> Verdict:
    """Compare two payloads; the order does not matter.

    Raises:
        ValueError: One of them is damaged or of another version.
    """
    if not one or not other:
        return Verdict(Tier.DIFFERENT, 0, "one of the pictures is blank")
    a, b = (payload.unpack(each) for each in sorted((one, other)))
    return _verdict(a, b, glance.look(a, b, alignment.propose(a.words, b.words)))


def verdicts(one: bytes, looked_at: Mapping[K, tuple[bytes, Look]]) -> dict[K, Verdict]:
    """Compare a payload with each of some others, of which half the size said something."""
    found: dict[K, Verdict] = {}
    for name, (other, look) in looked_at.items():
        a, b = (payload.unpack(each) for each in sorted((one, other)))
        found[name] = _verdict(a, b, look)
    return found


def _verdict(a: Print, b: Print, look: Look) -> Verdict:
    if look.parted:
        tier = Tier.SAME_TEMPLATE
        return Verdict(tier, _percentage(tier, look.share), EXPLANATIONS[tier], parted=True)
    seen = differences(a, b)
    if seen is None:
        return Verdict(Tier.DIFFERENT, 0, "no text in common")
    tier = _tier(seen)
    percentage = _percentage(tier, seen.agreed)
    if tier is Tier.SAME_PICTURE and a.rest and b.rest and a.rest != b.rest:
        tier = Tier.SAME_TEMPLATE
        return Verdict(tier, _percentage(tier, seen.agreed), OTHER_PAGES, parted=True)
    return Verdict(tier, percentage, _explanation(tier, seen), _is_parted(tier, seen))


def _percentage(tier: Tier, agreed: float) -> int:
    lowest, highest = BANDS[tier]
    return min(max(round(100 * agreed), lowest), highest)


def _tier(seen: Differences) -> Tier:
    if seen.agreeing < MIN_AGREEING or seen.correlation < MIN_CORRELATION:
        return Tier.DIFFERENT
    if seen.sharpness < SHARP or not _one_covers_the_other(seen):
        return Tier.SAME_TEMPLATE
    if _differs_in_noise_alone(seen):
        return Tier.SAME_PICTURE if _is_legible(seen) else Tier.SAME_TEMPLATE
    return Tier.ALTERED_COPY if _changed_in_one_place(seen) else Tier.SAME_TEMPLATE


def _differs_in_noise_alone(seen: Differences) -> bool:
    strengths = [spot.strength for spot in seen.spots]
    return (
        not seen.continued
        and max(strengths, default=0) <= STRONGEST_SPOT
        and sum(strengths[:3]) <= STRONGEST_THREE
        and seen.wrong <= (MOST_WRONG_IF_CLEAR if seen.correlation >= CLEAR else MOST_WRONG)
    )


def _is_legible(seen: Differences) -> bool:
    """Return whether a changed digit would have been seen: in a blurred pair it need not be."""
    if seen.correlation >= CLEAR:
        return True
    line = min(seen.a.words.height, seen.b.words.height)
    small = line < SMALL_PRINT_PX and seen.correlation < SMALL_PRINT_CORRELATION
    if small or line < TINY_PRINT_PX:
        return False
    strongest_six = sum(spot.strength for spot in seen.spots[:6])
    fewer = min(int(each.words.in_print.sum()) for each in (seen.a, seen.b))
    return strongest_six <= BLURRED_SIX and seen.agreeing >= LEAST_AGREEING * fewer


def _is_parted(tier: Tier, seen: Differences) -> bool:
    """Return whether the two are aligned, and some digit is certainly another, or one too many."""
    certain = seen.continued or any(spot.strength > CERTAIN_SPOT for spot in seen.spots)
    return certain and tier in {Tier.SAME_TEMPLATE, Tier.ALTERED_COPY}


def _one_covers_the_other(seen: Differences) -> bool:
    both = min(seen.beyond_a, seen.beyond_b) + min(seen.covered_a, seen.covered_b)
    most = max(seen.beyond_a + seen.covered_a, seen.beyond_b + seen.covered_b)
    return (
        both <= (MOST_BEYOND if seen.correlation >= CLEAR else BLURRED_BEYOND)
        and most <= 1 - MIN_SHARED
        and seen.scrolled <= MOST_SCROLLED
        and seen.lonely <= MOST_LONELY
        and seen.foreign <= MOST_FOREIGN
        and seen.replaced <= 1
        and seen.between <= STRONGEST_SPOT
        and seen.rows <= MOST_ROWS
        and not seen.exchanged
    )


def _changed_in_one_place(seen: Differences) -> bool:
    """Return whether all that differs lies in one place, and nothing was drawn or cut."""
    touched = max(seen.lonely, seen.foreign, seen.highlighted, seen.beyond_a, seen.beyond_b)
    return touched <= UNTOUCHED and in_one_place(seen.spots, seen.a)


def _explanation(tier: Tier, seen: Differences) -> str:
    return EXPLANATIONS[tier] + (_what_was_done(seen) if tier is Tier.SAME_PICTURE else "")


def _what_was_done(seen: Differences) -> str:
    done = _frame_changes(seen)
    if seen.foreign + seen.highlighted > MARKED:
        done.append("marked")
    if not done:
        return ""
    *all_but_last, last = done
    return "; one of them is " + (", ".join(all_but_last) + " and " if all_but_last else "") + last


def _frame_changes(seen: Differences) -> list[str]:
    """Return how the frames differ: where one is cropped, whether it is turned or resized."""
    a, b = seen.a, seen.b
    back = alignment.inverse(seen.matrix)
    corners = alignment.mapped(b.whole, back)
    of_a = a.whole
    size = of_a[1] - of_a[0]
    gaps = np.abs(corners - of_a) / size
    cut = [side for side, gap in zip(SIDES, gaps.ravel().tolist(), strict=True) if gap > SHIFTED]
    done = ["turned"] if a.turns != b.turns else ["tilted"] if a.tilt != b.tilt else []
    if len(cut) == len(SIDES):
        done.append("cropped on all sides or shown inside a larger picture")
    elif cut:
        done.append("cropped or extended at the " + " and ".join(cut))
    zoom = alignment.scale(seen.matrix) * a.scale / b.scale
    if abs(zoom - 1) > RESCALED:
        done.append("resized")
    return done
