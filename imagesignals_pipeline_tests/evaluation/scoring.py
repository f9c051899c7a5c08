"""Links the pictures of a half as the tables do and counts what a judge gets right."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from imagesignals_pipeline.dates import EPOCH
from imagesignals_pipeline.store.groups import IDENTICAL, Edge, Member, links
from imagesignals_pipeline_tests.evaluation.judges import Ruling, Tier
from imagesignals_pipeline_tests.evaluation.manifest import Entry


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture with the ruling and the original that it was linked to (both by number)."""

    entry: Entry
    ruling: Ruling
    original: int | None


@dataclass(slots=True)
class Share:
    """A count out of a count."""

    hits: int = 0
    total: int = 0

    def add(self, hit: bool) -> None:
        """Count one more."""
        self.hits += hit
        self.total += 1

    @property
    def ratio(self) -> float:
        """The share, 0 where nothing was counted."""
        return self.hits / self.total if self.total else 0.0

    def __str__(self) -> str:
        return f"{self.ratio:7.1%} {self.hits:5} of {self.total:5}"


@dataclass(slots=True)
class Score:
    """The counts of one judge.

    `misnamed` are copies found that name another original than their own, `elsewhere` those among
    them that name no picture of their original's at all. `accused` are honest first submissions
    called duplicates, `alike` those among them that belong to one flat's look-alikes, `worn` those
    altered before they were first submitted; `pointed` are honest ones said to be changed.
    `photographs` are copies found of pictures without text. `forged` holds the tiers of pictures
    in which something was changed, or the status bar alone.
    """

    recall: Share = field(default_factory=Share)
    by_family: dict[str, Share] = field(default_factory=dict[str, Share])
    by_alteration: dict[str, Share] = field(default_factory=dict[str, Share])
    misnamed: Share = field(default_factory=Share)
    elsewhere: Share = field(default_factory=Share)
    accused: Share = field(default_factory=Share)
    alike: Share = field(default_factory=Share)
    worn: Share = field(default_factory=Share)
    pointed: Share = field(default_factory=Share)
    strays: Share = field(default_factory=Share)
    photographs: Share = field(default_factory=Share)
    forged: dict[str, Counter[Tier]] = field(default_factory=dict[str, Counter[Tier]])


def link(entries: Sequence[Entry], rulings: Sequence[Ruling]) -> list[Judged]:
    """Link what is the same, directly or by way of others, by the rule that the tables follow."""
    members = [
        Member(_id(number), "", EPOCH + timedelta(seconds=number), _digest(number), _digest(number))
        for number in range(len(entries))
    ]
    edges = [edge for number, ruling in enumerate(rulings) for edge in _edges(number, ruling)]
    found = links(members, edges)
    originals = [found.get(each.id) for each in members]
    return [
        Judged(entry, ruling, None if link is None else link.original_id.int)
        for entry, ruling, link in zip(entries, rulings, originals, strict=True)
    ]


def _id(number: int) -> UUID:
    return UUID(int=number)


def _digest(number: int) -> bytes:
    return b"%d" % number


def _edges(number: int, ruling: Ruling) -> Iterator[Edge]:
    """Return what a ruling says, as comparisons of pictures."""
    later = _digest(number)
    if ruling.tier.is_duplicate and ruling.other is not None:
        others = (ruling.other, *ruling.also)
        percentages = ruling.percentages or (IDENTICAL,) * len(others)
        for other, percentage in zip(others, percentages, strict=True):
            yield Edge(later, _digest(other), percentage, "")
    for other in ruling.apart:
        yield Edge(later, _digest(other), 0, "", same_picture=False)


def score(judged: Sequence[Judged]) -> Score:
    """Count rights and wrongs."""
    counts = Score()
    alike = Counter(one.entry.series for one in judged if one.entry.kind == "honest")
    for one in judged:
        entry, found = one.entry, one.original is not None
        match entry.kind:
            case "copy" if entry.family == "photograph":
                counts.photographs.add(found)
            case "copy":
                _count_copy(counts, one, judged)
            case "forged" | "retaken":
                label = f"{entry.kind} {entry.alteration}"
                counts.forged.setdefault(label, Counter())[one.ruling.tier] += 1
            case "honest":
                counts.accused.add(found)
                counts.pointed.add(one.ruling.tier is Tier.CHANGED)
                if alike[entry.series] > 1:
                    counts.alike.add(found)
                if entry.alteration:
                    counts.worn.add(found)
            case "photo" | "blank":
                counts.strays.add(found)
    return counts


def _count_copy(counts: Score, one: Judged, judged: Sequence[Judged]) -> None:
    entry, found = one.entry, one.original is not None
    goal = "hard" if entry.hard else entry.family
    counts.recall.add(found)
    counts.by_family.setdefault(goal, Share()).add(found)
    name = f"{entry.alteration}{' (hard)' if entry.hard else ''}"
    counts.by_alteration.setdefault(name, Share()).add(found)
    if one.original is not None:
        named = judged[one.original].entry
        counts.misnamed.add(named.file != entry.copy_of)
        counts.elsewhere.add(entry.copy_of not in {named.file, named.copy_of})


def wrongs(judged: Sequence[Judged]) -> dict[str, list[tuple[str, str]]]:
    """Return the failures of each kind: the picture's file and the one it should be seen beside."""
    found: dict[str, list[tuple[str, str]]] = {}
    for one in judged:
        entry = one.entry
        beside = one.ruling.other if one.ruling.other is not None else one.original
        other = "" if beside is None else judged[beside].entry.file
        match entry.kind:
            case "copy" if one.original is None:
                found.setdefault("missed", []).append((entry.file, entry.copy_of or ""))
            case "copy" if judged[one.original or 0].entry.file != entry.copy_of:
                found.setdefault("misnamed", []).append((entry.file, other))
            case "honest" | "photo" | "blank" if one.original is not None:
                found.setdefault("accused", []).append((entry.file, other))
            case "honest" if one.ruling.tier is Tier.CHANGED:
                found.setdefault("pointed at", []).append((entry.file, other))
            case "forged" if one.ruling.tier is not Tier.CHANGED:
                found.setdefault("forged", []).append((entry.file, entry.copy_of or ""))
            case _:
                pass
    return found
