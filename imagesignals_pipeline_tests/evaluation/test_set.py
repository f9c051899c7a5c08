"""The set itself: what the halves hold, and that altering is repeatable."""

import io
import os
from itertools import combinations
from pathlib import Path
from random import Random
from typing import get_args

import numpy as np
import pytest
from PIL import Image, ImageChops

from imagesignals_pipeline_tests.evaluation import (
    browser,
    build,
    fonts,
    manifest,
    nature,
    sample,
    sampling,
)
from imagesignals_pipeline_tests.evaluation.alterations import Alteration, upright
from imagesignals_pipeline_tests.evaluation.catalogue import ALTERATIONS, TEMPLATES
from imagesignals_pipeline_tests.evaluation.manifest import Entry
from imagesignals_pipeline_tests.evaluation.receipts import (
    ForgedField,
    Half,
    Receipt,
    forge,
    receipts_of,
    retake,
)

HALVES: tuple[Half, ...] = get_args(Half)
FIELDS: tuple[ForgedField, ...] = get_args(ForgedField)
EVERY = tuple(dict.fromkeys(each for half in HALVES for each in ALTERATIONS[half]))


def receipts(half: Half) -> list[Receipt]:
    """Return all honest receipts of a half."""
    return [receipt for template in TEMPLATES[half] for receipt in receipts_of(template)]


@pytest.mark.parametrize("half", HALVES)
def test_half_is_as_large_as_asked_for(half: Half) -> None:
    """Each half has 12 templates, 250 receipts that need no alteration, and 1,200 copies."""
    assert len(TEMPLATES[half]) >= 12
    assert sum(not receipt.worn for receipt in receipts(half)) >= 250
    assert len(ALTERATIONS[half]) * build.COPIES_EACH >= 1200
    assert len({receipt.resident.device for receipt in receipts(half)}) >= 6


def test_halves_share_nothing() -> None:
    """No template, page, screen, font, payee or bank of one half is in the other."""
    facts = [{fact for receipt in receipts(half) for fact in _facts(receipt)} for half in HALVES]
    for one, other in combinations(facts, 2):
        assert not one & other


def _facts(receipt: Receipt) -> tuple[object, ...]:
    who = receipt.resident
    return (
        receipt.template.name,
        browser.document(receipt),
        who.device,
        who.font,
        who.payee,
        who.bank,
        who.name,
        receipt.payment.reference,
    )


@pytest.mark.parametrize("half", HALVES)
def test_receipts_are_repeatable_and_all_different(half: Half) -> None:
    """The same names give the same pages, and no two honest receipts show the same page."""
    pages = [browser.document(receipt) for receipt in receipts(half)]
    assert pages == [browser.document(receipt) for receipt in receipts(half)]
    assert len(set(pages)) == len(pages)


@pytest.mark.parametrize("half", HALVES)
def test_standing_orders_differ_in_little(half: Half) -> None:
    """Two months of a standing order have the same amount, clock and head of the reference."""
    for template in TEMPLATES[half]:
        months = [one for one in receipts_of(template) if one.series.endswith("standing order")]
        for one, other in combinations(months, 2):
            assert one.payment.amount == other.payment.amount
            assert one.payment.reference[:-3] == other.payment.reference[:-3]
            assert one.taken_at.strftime("%d %H:%M") == other.taken_at.strftime("%d %H:%M")
            assert (one.battery, one.resident) == (other.battery, other.resident)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("half", HALVES)
def test_forgery_changes_the_page_in_one_field_only(half: Half, field: ForgedField) -> None:
    """A forged receipt shows another page of the same length, and nothing else is touched."""
    for template in TEMPLATES[half]:
        honest = next(receipts_of(template))
        forged = forge(honest, field, Random(field))
        assert forged.earlier == honest.earlier
        assert forged.resident == honest.resident
        before, after = browser.document(honest), browser.document(forged)
        assert before != after
        assert abs(len(before) - len(after)) <= 40


def test_retaken_receipt_shows_the_same_payment() -> None:
    """A receipt taken again differs in the clock and the battery alone."""
    honest = receipts("tune")[0]
    again = retake(honest, Random(1))
    assert again.payment == honest.payment
    assert again.taken_at > honest.taken_at


@pytest.mark.parametrize("alteration", EVERY, ids=lambda alteration: alteration.name)
def test_alteration_is_repeatable(alteration: Alteration) -> None:
    """The same seed gives the same file, and that file is a picture of a sensible size."""
    receipt = sample.load()[0]
    first, second = (
        alteration.apply(receipt.content, receipt.picture, Random("seed")) for _ in range(2)
    )
    assert first == second
    altered = upright(Image.open(io.BytesIO(first.content)))
    assert altered.mode == "RGB"
    assert min(altered.size) > 0.3 * min(receipt.picture.size)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("name", ["PNG", "turned by EXIF"])
def test_lossless_alterations_show_the_same(half: Half, name: str) -> None:
    """A picture saved as PNG is the same to the pixel; one turned by EXIF comes back upright."""
    alteration = next(each for each in ALTERATIONS[half] if each.name == name)
    receipt = sample.load()[0]
    copied = alteration.apply(receipt.content, receipt.picture, Random(1))
    altered = upright(Image.open(io.BytesIO(copied.content)))
    difference = np.asarray(ImageChops.difference(altered, receipt.picture), np.float64)
    assert altered.size == receipt.picture.size
    assert difference.mean() < (0.5 if name == "PNG" else 3)


def test_sample_holds_look_alikes() -> None:
    """The kept sample is small, and in each series receipts differ in less than a tenth."""
    kept = sample.load()
    assert sum(len(receipt.content) for receipt in kept) <= 600_000
    assert len(kept) >= 24
    for one, other in combinations(kept, 2):
        assert one.content != other.content
        if one.series == other.series:
            grey = ImageChops.difference(one.picture.convert("L"), other.picture.convert("L"))
            assert 0 < (np.asarray(grey) > 60).mean() < 0.1, (one.name, other.name)


@pytest.mark.parametrize("half", HALVES)
def test_strays_are_repeatable(half: Half) -> None:
    """Photographs and blank pictures are the same every time, and all different files."""
    strays = list(nature.strays(half))[-8:]
    assert strays == list(nature.strays(half))[-8:]
    assert len({content for _, _, content in strays}) == len(strays)


def test_manifest_comes_back(tmp_path: Path) -> None:
    """What is saved is what is loaded."""
    entries = [
        Entry("a.png", "tune", "app", "A-1", "app: monthly", "honest"),
        Entry("b.jpg", "tune", "app", "A-1", "app: monthly", "copy", "a.png", "JPEG 70", "format"),
    ]
    manifest.save(entries, tmp_path)
    assert manifest.load(tmp_path) == entries


def test_part_of_a_half_keeps_originals() -> None:
    """A part has about the size asked for, and the originals of all its copies, in order."""
    entries = [
        *(Entry(f"{n}", "tune", "app", "A-1", f"series {n % 40}", "honest") for n in range(200)),
        *(Entry(f"c{n}", "tune", "app", "", "", "copy", f"{n % 200}") for n in range(300)),
    ]
    part = sampling.sample(entries, 60)
    files = [entry.file for entry in part]
    assert 58 <= len(part) <= 62
    assert files == [entry.file for entry in entries if entry.file in set(files)]
    assert all(entry.copy_of in files for entry in part if entry.copy_of)
    assert part == sampling.sample(entries, 60)


def test_missing_browser_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without Chromium the message names what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(browser.BrowserMissingError, match="apt-get install -y chromium fonts-"):
        browser.executable()


def test_missing_fonts_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Boxes in the place of letters would be judged as if they were receipts."""
    lister = tmp_path / "fc-list"
    families = sorted(fonts.wanted("tune") - {"Roboto"})
    lister.write_text("#!/bin/sh\ncat <<EOF\n" + ",Other\n".join(families) + "\nEOF\n")
    lister.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}")
    with pytest.raises(browser.BrowserMissingError) as raised:
        fonts.require("tune")
    assert str(raised.value).startswith("Fonts are missing (Roboto): apt-get install -y chromium ")
    lister.write_text(lister.read_text().replace("Open Sans", "Open Sans,Roboto"))
    fonts.require("tune")


def test_amounts_are_grouped_as_in_india() -> None:
    """Groups of two digits above the thousands."""
    assert browser.rupees(12_345_650) == "1,23,456.50"
    assert browser.rupees(99) == "0.99"
    assert browser.rupees(123_456_789_00) == "12,34,56,789.00"
