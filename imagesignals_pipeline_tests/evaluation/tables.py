"""What the command prints."""

import statistics
from collections.abc import Iterator, Sequence

from imagesignals_pipeline_tests.evaluation.catalogue import ALTERATIONS
from imagesignals_pipeline_tests.evaluation.judges import Tier
from imagesignals_pipeline_tests.evaluation.manifest import Entry
from imagesignals_pipeline_tests.evaluation.measure import Measured
from imagesignals_pipeline_tests.evaluation.scoring import Judged, Score, Share


def contents(entries: Sequence[Entry]) -> Iterator[str]:
    """Say what the half holds."""
    kinds = [entry.kind for entry in entries if entry.family != "photograph"]
    templates = {entry.template for entry in entries if entry.kind == "honest"}
    worn = sum(entry.kind == "honest" and bool(entry.alteration) for entry in entries)
    hard = sum(entry.kind == "copy" and entry.hard for entry in entries)
    yield (
        f"{kinds.count('honest')} honest receipts of {len(templates)} templates ({worn} of them "
        f"altered before their first submission), {kinds.count('copy')} copies ({hard} hard), "
        f"{kinds.count('forged')} forged, "
        f"{kinds.count('retaken')} taken again, {kinds.count('photo')} photographs, "
        f"{kinds.count('blank')} blank pictures"
    )


def scores(counts: Score) -> Iterator[str]:
    """Tell one judge's rights and wrongs in full."""
    soft = _sum(share for name, share in counts.by_family.items() if name != "hard")
    rows = {
        "copies found, all": counts.recall,
        "copies found, not hard": soft,
        "  copy, recompression, resize, format": counts.by_family.get("format", Share()),
        "  cropped, marked, edited, shown": counts.by_family.get("edited", Share()),
        "copies found, hard": counts.by_family.get("hard", Share()),
        "found but another original named": counts.misnamed,
        "  of which no picture of that original": counts.elsewhere,
        "honest receipts accused": counts.accused,
        "  of one flat's look-alikes": counts.alike,
        "  of those altered before submission": counts.worn,
        "honest receipts said to be changed": counts.pointed,
        "photographs and blanks accused": counts.strays,
        "copies of photographs found": counts.photographs,
    }
    for name, share in rows.items():
        yield f"{name:42} {share}"
    yield ""
    every = (alteration.name for half in ALTERATIONS.values() for alteration in half)
    for name in dict.fromkeys(every):
        for label in (name, f"{name} (hard)"):
            if share := counts.by_alteration.get(label):
                yield f"  {label:40} {share}"
    yield ""
    yield f"{'changed copies':20}" + "".join(f"{tier:>22}" for tier in Tier)
    for name, tiers in sorted(counts.forged.items()):
        yield f"{name:20}" + "".join(f"{tiers[tier]:22}" for tier in Tier)


def goals(counts: Score, cost: "Cost") -> Iterator[str]:
    """Compare with what the issue asks for."""
    soft = _sum(share for name, share in counts.by_family.items() if name != "hard")
    named = 1 - counts.misnamed.ratio
    for name, value, goal, reached in (
        ("honest receipts accused", counts.accused.hits, "0", counts.accused.hits == 0),
        ("recall without hard ones", soft.ratio, ">= 0.97", soft.ratio >= 0.97),
        *_family_goal(counts, "format", 0.995),
        *_family_goal(counts, "hard", 0.80),
        ("right original named", named, ">= 0.995", named >= 0.995),
        ("fingerprinting / decoding", cost.ratio, "<= 1.0", cost.ratio <= 1),
        ("mean fingerprint, bytes", cost.mean_bytes, "<= 16384", cost.mean_bytes <= 16384),
        ("search and compare, seconds", cost.mean_s, "<= 0.5", cost.mean_s <= 0.5),
    ):
        shown = f"{value:.4g}" if isinstance(value, float) else f"{value}"
        yield f"  {name:30} {shown:>8}   goal {goal:9} {'met' if reached else 'MISSED'}"


def _family_goal(counts: Score, family: str, goal: float) -> Iterator[tuple[str, float, str, bool]]:
    ratio = counts.by_family.get(family, Share()).ratio
    yield f"recall of {family} ones", ratio, f">= {goal}", ratio >= goal


def comparison(named: dict[str, Score]) -> Iterator[str]:
    """One line for each judge."""
    heads = ("found", "not hard", "hard", "other named", "accused", "look-alikes", "forged dup.")
    yield f"{'':38}" + "".join(f"{head:>13}" for head in heads)
    for name, counts in named.items():
        soft = _sum(share for family, share in counts.by_family.items() if family != "hard")
        shares = (
            counts.recall,
            soft,
            counts.by_family.get("hard", Share()),
            counts.misnamed,
            counts.accused,
            counts.alike,
            _forged(counts),
        )
        yield f"{name:38}" + "".join(f"{share.ratio:13.1%}" for share in shares)


class Cost:
    """What a judge costs: ratios within one run, for absolute times depend on the machine."""

    def __init__(self, measured: Sequence[Measured], judged: Sequence[Judged]) -> None:
        self.ratio = sum(one.fingerprint_seconds for one in measured) / sum(
            one.decode_seconds for one in measured
        )
        self._each = [one.fingerprint_seconds / one.decode_seconds for one in measured]
        self._fingerprint = statistics.median(one.fingerprint_seconds for one in measured)
        self._sizes = [len(one.payload) for one in measured]
        self.mean_bytes = round(statistics.fmean(self._sizes))
        self._comparisons = [one.ruling.comparisons for one in judged]
        self._seconds = [one.ruling.seconds for one in judged]
        self.mean_s = statistics.fmean(self._seconds)

    def lines(self) -> Iterator[str]:
        """Tell them."""
        yield (
            f"fingerprinting takes {self.ratio:.2f} of the time of decoding (median picture "
            f"{statistics.median(self._each):.2f}, {1000 * self._fingerprint:.0f} ms)"
        )
        yield (
            f"a fingerprint has {statistics.median(self._sizes):.0f} bytes (median; mean "
            f"{self.mean_bytes}, largest {max(self._sizes)}, "
            f"{sum(size > 16384 for size in self._sizes) / len(self._sizes):.1%} above 16 KiB)"
        )
        yield (
            f"expensive comparisons per picture: mean {statistics.fmean(self._comparisons):.1f}, "
            f"at most {max(self._comparisons)}"
        )
        yield (
            f"search and comparisons per picture: mean {1000 * self.mean_s:.0f}"
            f" ms, at most {1000 * max(self._seconds):.0f} ms of processor time"
        )


def _sum(shares: Iterator[Share]) -> Share:
    total = Share()
    for share in shares:
        total.hits += share.hits
        total.total += share.total
    return total


def _forged(counts: Score) -> Share:
    tiers = [
        tier
        for name, counter in counts.forged.items()
        if name.startswith("forged")
        for tier in counter.elements()
    ]
    return Share(sum(tier.is_duplicate for tier in tiers), len(tiers))
