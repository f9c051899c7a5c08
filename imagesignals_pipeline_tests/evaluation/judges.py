"""Those who say which earlier picture a picture is: our matcher, and hashes of whole pictures."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Tier(StrEnum):
    """How a picture relates to an earlier one; the first three make it a duplicate."""

    SAME_BYTES = "same bytes"
    SAME_PIXELS = "same pixels"
    SAME_PICTURE = "same picture"
    CHANGED = "changed in one place"
    SAME_APP = "same app only"
    NOTHING = "nothing"

    @property
    def is_duplicate(self) -> bool:
        """Whether the tier accuses."""
        return self in {Tier.SAME_BYTES, Tier.SAME_PIXELS, Tier.SAME_PICTURE}


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a judge says of one picture.

    `other` is the number of the earlier picture spoken of, None with `Tier.NOTHING`; `also` are
    more earlier ones that a duplicate is the same as, and `percentages` say how alike each of them
    is, `other` first (none: all are equally alike). `apart` are earlier ones that a comparison
    found to be different. `comparisons` counts the expensive ones, `seconds` is the time of search
    and comparisons.
    """

    tier: Tier
    other: int | None = None
    also: tuple[int, ...] = ()
    percentages: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()
    comparisons: int = 0
    seconds: float = 0.0


def nearest(hashes: NDArray[np.uint8], within_bits: int) -> list[Ruling]:
    """Rule each row by the nearest row above it, in Hamming distance; of equals the oldest."""
    rulings = [Ruling(Tier.NOTHING)]
    for number in range(1, len(hashes)):
        different = np.bitwise_count(hashes[:number] ^ hashes[number])
        distance = different.sum(axis=1, dtype=np.int32)
        other = int(distance.argmin())
        near = distance[other] <= within_bits
        rulings.append(Ruling(Tier.SAME_PICTURE, other) if near else Ruling(Tier.NOTHING))
    return rulings


def baselines(hashes: dict[str, list[bytes]]) -> dict[str, list[Ruling]]:
    """Return the hashes of whole pictures that others use, each at the thresholds in use."""
    rulings: dict[str, list[Ruling]] = {}
    for name, thresholds in {
        "dHash 64": (0, 5, 10),
        "pHash 64": (0, 5, 10),
        "dHash 256": (10, 26),
        "pHash 256": (10, 26),
    }.items():
        bits = np.stack([np.frombuffer(one, np.uint8) for one in hashes[name]])
        for within in thresholds:
            label = f"{name} bits, {'equal' if within == 0 else f'up to {within} differ'}"
            rulings[label] = nearest(bits, within)
    return {"live rule: dHash 64 bits, equal": rulings.pop("dHash 64 bits, equal")} | rulings
