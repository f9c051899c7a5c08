"""Who is a copy of whom, as a pure function of pictures and comparisons."""

from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline.store.groups import Edge, Link, Member, links
from imagesignals_pipeline_tests.database.society import FIRST_DAY, digest

PIXELS = [digest(f"pixels {n}") for n in range(5)]
CONTENTS = [digest(f"content {n}") for n in range(6)]


def member(
    number: int,
    content: str,
    pixels: str | None = "",
    *,
    flat_id: str = "F-101",
    day: float | None = None,
) -> Member:
    """Return a submission made `number` days after the first one, if not said otherwise."""
    made = FIRST_DAY + timedelta(days=number if day is None else day)
    shown = None if pixels is None else digest(pixels or content)
    return Member(UUID(int=number), flat_id, made, digest(content), shown)


def edge(one: str, other: str, percentage: int, explanation: str = "") -> Edge:
    """Return a comparison of two pictures, named by their pixels."""
    return Edge(digest(one), digest(other), percentage, explanation)


def parted(one: str, other: str) -> Edge:
    """Return a comparison that found two pictures to be different."""
    return Edge(digest(one), digest(other), 60, "", same_picture=False)


def test_same_bytes_are_the_same_file() -> None:
    """The later one is the copy, with 100 %, and the sentence names flat and day."""
    first, second = member(2, "a", flat_id="F-101"), member(5, "a", flat_id="F-102")
    assert links([second, first], []) == {
        second.id: Link(first.id, 100, "Same file as flat F-101's submission of 3 March 2025.")
    }


def test_same_pixels_are_the_same_picture() -> None:
    """Another file with the very pixels was saved again."""
    first, second = member(0, "a", "p"), member(1, "b", "p", flat_id="F-102")
    assert links([first, second], []) == {
        second.id: Link(
            first.id,
            100,
            "Same picture as flat F-101's submission of 1 March 2025, saved again.",
        )
    }


def test_a_match_says_what_was_done() -> None:
    """A comparison gives percentage and explanation, whichever of the two came first."""
    first, second = member(0, "a"), member(1, "b", flat_id="F-102")
    expected = {
        second.id: Link(
            first.id,
            97,
            "Same screenshot as flat F-101's submission of 1 March 2025, cropped at the top.",
        )
    }
    assert links([first, second], [edge("a", "b", 97, "cropped at the top.")]) == expected
    assert links([first, second], [edge("b", "a", 97, " cropped at the top")]) == expected


def test_empty_pictures_match_only_their_own_bytes() -> None:
    """Two blank pages of different files are nobody's copies."""
    blank, other, again = member(0, "a", None), member(1, "b", None), member(2, "a", None)
    assert set(links([blank, other, again], [])) == {again.id}


def test_a_copy_of_a_copy_leads_to_the_original() -> None:
    """Without a comparison of its own it has the weakest percentage on the strongest way."""
    first, second, third = member(0, "a"), member(1, "b"), member(2, "c", flat_id="F-9")
    weak = [edge("a", "b", 96), edge("b", "c", 91), edge("c", "d", 99), edge("d", "a", 80)]
    found = links([first, second, third, member(3, "d")], weak)
    assert found[third.id] == Link(
        first.id,
        91,
        "Same screenshot as flat F-101's submission of 1 March 2025, by way of another copy.",
    )


def test_a_comparison_with_the_original_counts_before_a_stronger_detour() -> None:
    """What was measured against the original is what is told."""
    members = [member(0, "a"), member(1, "b"), member(2, "c")]
    found = links(members, [edge("a", "b", 99), edge("b", "c", 99), edge("a", "c", 90, "scaled")])
    assert found[members[2].id].percentage == 90
    assert found[members[2].id].explanation.endswith(", scaled.")


def test_a_poor_copy_accuses_nobody_whom_a_direct_look_acquits() -> None:
    """A later picture like two receipts that differ joins the likelier one, and they stay apart."""
    members = [member(0, "a"), member(1, "b"), member(2, "c"), member(3, "d")]
    edges = [edge("c", "a", 95), edge("c", "b", 97), parted("a", "b"), edge("d", "c", 99)]
    found = links(members, edges)
    assert {copy: link.original_id for copy, link in found.items()} == {
        members[2].id: members[1].id,
        members[3].id: members[1].id,
    }


def test_a_poor_copy_in_between_accuses_nobody_either() -> None:
    """Of two months' receipts the later one is not the earlier, whatever a copy of it is like."""
    members = [member(0, "a"), member(1, "c"), member(2, "b"), member(3, "d")]
    edges = [edge("c", "a", 95), edge("b", "c", 91), parted("b", "a"), edge("d", "b", 99)]
    found = links(members, edges)
    assert {copy: link.original_id for copy, link in found.items()} == {
        members[1].id: members[0].id,
        members[3].id: members[2].id,
    }


def test_a_crop_that_tells_no_receipts_apart_makes_no_later_one_a_copy() -> None:
    """It is like every month's; not all of these were compared with the one it was cut from."""
    members = [member(number, name) for number, name in enumerate("apbcd")]
    same = [edge("p", "a", 97), edge("b", "p", 99), edge("c", "p", 98), edge("d", "c", 99)]
    found = links(members, [*same, parted("a", "b"), parted("b", "c")])
    assert {copy.int: link.original_id.int for copy, link in found.items()} == {1: 0, 4: 3}


def test_a_crop_that_came_first_makes_no_month_a_copy() -> None:
    """Two of an original's copies may be parted by what was drawn on them, three are months."""
    members = [member(number, name) for number, name in enumerate("pabc")]
    same = [edge("a", "p", 97), edge("b", "p", 99), edge("c", "p", 98)]
    apart = [parted("a", "b"), parted("b", "c")]
    assert links(members, [*same, *apart]) == {}
    assert links(members[:3], [*same[:2], apart[0]]).keys() == {members[1].id, members[2].id}


def test_who_is_parted_from_one_original_joins_another() -> None:
    """The next likest picture counts, where the likest one leads to a stranger."""
    members = [member(0, "a"), member(1, "b"), member(2, "c"), member(3, "d")]
    edges = [edge("c", "a", 95), edge("d", "c", 99), edge("d", "b", 92), parted("a", "d")]
    found = links(members, [*edges, parted("a", "b")])
    assert {copy.int: link.original_id.int for copy, link in found.items()} == {2: 0, 3: 1}


def test_a_later_copy_reveals_an_earlier_one() -> None:
    """Two pictures that were never compared are one group once a third is the same as both."""
    members = [member(0, "a"), member(1, "b"), member(2, "c")]
    found = links(members, [edge("c", "a", 95), edge("c", "b", 97)])
    assert {link.original_id for link in found.values()} == {members[0].id}
    assert found[members[1].id].percentage == 95


@pytest.mark.parametrize(("one", "other"), ["ab", "ba"])
def test_mergers_take_over_what_parts_either_group(one: str, other: str) -> None:
    """Whom one of two merged groups is parted from, the merged group is parted from too."""
    members = [member(number, name) for number, name in enumerate("abcde")]
    edges = [edge("d", "a", 99), edge("d", "b", 98), edge("e", other, 97), edge("e", "c", 96)]
    found = links(members, [*edges, parted(one, "c")])
    assert {copy.int: link.original_id.int for copy, link in found.items()} == {1: 0, 3: 0, 4: 0}


def test_a_picture_that_nobody_shows_connects_nobody() -> None:
    """When the copy between two pictures is deleted, they are no longer related."""
    members = [member(0, "a"), member(2, "c")]
    assert links(members, [edge("a", "b", 99), edge("b", "c", 99)]) == {}


def test_sentences_are_for_people() -> None:
    """A label only a machine can read is not named, nor a date that is none."""
    label = "3f2a4c5e-0000-4000-8000-000000000001"
    undated = datetime(1970, 1, 1, tzinfo=UTC)
    first = Member(UUID(int=1), label, undated, digest("a"), None)

    def sentence(flat_id: str, original: Member = first) -> str:
        copy = Member(UUID(int=9), flat_id, FIRST_DAY, digest("a"), None)
        return links([original, copy], [])[copy.id].explanation

    assert sentence(label) == "Same file as the same flat's submission of an unknown date."
    assert sentence("F-1") == "Same file as another flat's submission of an unknown date."
    nameless = Member(UUID(int=1), "", undated, digest("a"), None)
    assert sentence("", nameless) == "Same file as an earlier submission of an unknown date."
    assert sentence("") == "Same file as an earlier submission of an unknown date."
    long = Member(UUID(int=1), f" B\n{'x' * 500}", undated, digest("a"), None)
    assert len(sentence("F-1", long)) < 150
    assert "\n" not in sentence("F-1", long)


def test_nobody_is_nobodys_copy() -> None:
    """No members, no links."""
    assert links([], []) == {}


MEMBERS = st.lists(
    st.builds(
        Member,
        id=st.integers(1, 10**6).map(lambda n: UUID(int=n)),
        flat_id=st.sampled_from(["F-1", "F-2", ""]),
        created_at=st.integers(0, 3).map(lambda day: FIRST_DAY + timedelta(days=day)),
        content=st.sampled_from(CONTENTS),
        pixels=st.sampled_from([None, *PIXELS]),
    ),
    max_size=9,
    unique_by=lambda each: each.id,
)
EDGE = st.builds(
    Edge,
    pixels_a=st.sampled_from(PIXELS),
    pixels_b=st.sampled_from(PIXELS),
    percentage=st.integers(50, 99),
    explanation=st.sampled_from(["", "scaled"]),
)
PARTED = st.builds(
    Edge,
    pixels_a=st.sampled_from(PIXELS),
    pixels_b=st.sampled_from(PIXELS),
    percentage=st.just(40),
    explanation=st.just(""),
    same_picture=st.just(False),
)
EDGES = st.lists(EDGE, max_size=6)


def plain_strengths(members: list[Member], edges: list[Edge]) -> dict[tuple[UUID, UUID], int]:
    """Return how strongly each two members are connected, by trying every detour (0: not)."""
    strength = {}
    for one, other in product(members, repeat=2):
        same = one.content == other.content or (one.pixels and one.pixels == other.pixels)
        direct = [
            each.percentage
            for each in edges
            if {each.pixels_a, each.pixels_b} == {one.pixels, other.pixels}
        ]
        strength[one.id, other.id] = 100 if same else max(direct, default=0)
    for via, one, other in product(members, repeat=3):
        detour = min(strength[one.id, via.id], strength[via.id, other.id])
        strength[one.id, other.id] = max(strength[one.id, other.id], detour)
    return strength


@given(MEMBERS, EDGES)
def test_links_agree_with_trying_every_way(members: list[Member], edges: list[Edge]) -> None:
    """Copies are whoever is connected to somebody earlier; the earliest of all is the original."""
    strength = plain_strengths(members, edges)
    found = links(members, edges)
    for copy in members:
        related = [each for each in members if strength[copy.id, each.id] or each is copy]
        original = min(related, key=lambda each: (each.created_at, each.id))
        link = found.get(copy.id)
        assert (link.original_id if link else copy.id) == original.id
        if link:
            direct = [
                each.percentage
                for each in edges
                for other in members
                if strength[other.id, original.id] == 100
                for same in members
                if strength[same.id, copy.id] == 100
                and {each.pixels_a, each.pixels_b} == {other.pixels, same.pixels}
            ]
            identical = strength[copy.id, original.id] == 100
            expected = max(direct, default=strength[copy.id, original.id])
            assert link.percentage == (100 if identical else expected)


@given(MEMBERS, st.lists(st.one_of(EDGE, PARTED), max_size=9))
def test_parting_only_ever_frees(members: list[Member], edges: list[Edge]) -> None:
    """Whoever resembles an earlier picture is a copy, unless parted; parting makes no copies."""
    same = [each for each in edges if each.same_picture]
    found, before = links(members, edges), links(members, same)
    assert found.keys() <= before.keys()
    by_pixels = {each.pixels: each for each in sorted(members, key=lambda one: one.order)[::-1]}
    identical = plain_strengths(members, [])
    enemies = [(each.pixels_a, each.pixels_b) for each in edges if not each.same_picture]
    free = {each.id for each in members if any(each.pixels in pair for pair in enemies)}
    for each in same:
        one, other = by_pixels.get(each.pixels_a), by_pixels.get(each.pixels_b)
        if one and other and one is not other and one.pixels:
            later = max(one, other, key=lambda member: member.order)
            assert later.id in found or any(identical[later.id, each] == 100 for each in free)


@given(MEMBERS, st.lists(st.one_of(EDGE, PARTED), max_size=9), st.randoms(use_true_random=False))
def test_the_order_of_reading_is_of_no_matter(
    members: list[Member], edges: list[Edge], random: Random
) -> None:
    """PostgreSQL may return rows in any order."""
    shuffled_members, shuffled_edges = members.copy(), edges.copy()
    random.shuffle(shuffled_members)
    random.shuffle(shuffled_edges)
    assert links(shuffled_members, shuffled_edges) == links(members, edges)
