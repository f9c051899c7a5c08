"""One spelling for every URL, and the same reading in every parser on the way."""

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from requests import Request

from imagesignals_pipeline.fetch.refusal import Unfetchable
from imagesignals_pipeline.fetch.urls import Origin, parse

SIGNS = (
    "/",
    "?",
    "#",
    "@",
    ":",
    "%",
    "\\",
    "[",
    "]",
    "&",
    "=",
    "+",
    ";",
    ",",
    "//",
    " ",
    "\t",
    "\n",
)
TRICKS = (
    "%2e",
    "%2F",
    "%7e",
    "%zz",
    "..",
    ".",
    "[::1]",
    "good.test",
    "127.0.0.1",
    "xn--",
    "é",
    "ｅ",
)
PIECES = st.one_of(st.sampled_from(SIGNS + TRICKS), st.text(max_size=5))
HOSTS = st.sampled_from(["good.test", "GOOD.test.", "8.8.8.8", "[2001:db8::1]", "bücher.test", ""])
TEXTS = st.tuples(
    st.sampled_from(["http://", "https://", "HTTP://"]),
    HOSTS,
    st.lists(PIECES, max_size=8).map("".join),
).map("".join)


@given(TEXTS)
@example("http://good.test/%2e%2e/%2E./a%7eb?c d#e")
@example("http://good.test:080/a")
def test_every_parser_reads_the_same_url(text: str) -> None:
    """What was checked is what requests sends and where the connection pool connects."""
    try:
        url = parse(text)
    except Unfetchable:
        return
    assert url.text.isascii()
    assert url.text.isprintable()
    assert parse(url.text) == url
    prepared = Request("GET", url.text).prepare()
    assert prepared.url == url.text
    split = urlsplit(url.text)
    port = split.port or {"http": 80, "https": 443}[split.scheme]
    assert Origin(split.scheme, split.hostname or "", port) == url.origin
    assert split.username is None


@given(st.text(max_size=30))
def test_no_text_raises_anything_else(text: str) -> None:
    """Whatever the database holds, it is a URL or a refusal."""
    for scheme in ("", "http://", "https://good.test/"):
        with suppress(Unfetchable):
            parse(scheme + text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://good.test", "http://good.test/"),
        ("  HTTPS://Good.TEST.:443/A b\n", "https://good.test/A%20b"),
        ("http://good.test:443/", "http://good.test:443/"),
        ("http://bücher.test/ü?ü=1#x", "http://xn--bcher-kva.test/%C3%BC?%C3%BC=1"),
        ("https://[2606:4700:0::1111]/", "https://[2606:4700::1111]/"),
        ("http://good.test/a/./b/../c%20d", "http://good.test/a/c%20d"),
        ("http://good.test/50%", "http://good.test/50%25"),
        ("http://good.test/?a=b%26c&d", "http://good.test/?a=b%26c&d"),
        ("http://under_score.good.test/", "http://under_score.good.test/"),
    ],
)
def test_a_url_has_one_spelling(text: str, expected: str) -> None:
    """Case, default ports, dots and escapes are brought into one form."""
    assert parse(text).text == expected


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/b", "https://good.test/b"),
        ("b", "https://good.test/a/b"),
        ("?x", "https://good.test/a/?x"),
        ("../c", "https://good.test/c"),
        ("//other.test/c", "https://other.test/c"),
        ("https://other.test", "https://other.test/"),
        ("#top", "https://good.test/a/?q"),
    ],
)
def test_relative_redirects_lead_from_where_they_stand(location: str, expected: str) -> None:
    """Every relative form of a URL is resolved against the one that answered."""
    assert parse("https://good.test/a/?q").join(location).text == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" \n", "empty"),
        ("http://good.test/" + "a" * 9000, "longer than 8192 characters"),
        ("http://good.test/\\", "with a backslash"),
        ("http://good\u200b.test/", "with control characters"),
        ("ftp://good.test/", "not http or https"),
        ("http://me:secret@good.test/", "with a user name or password"),
        ("http://good.test:0/", "not a URL"),
        ("http://127.1/", "not a host name"),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, reason: str) -> None:
    """Nobody has to guess, and what was written is not repeated."""
    with pytest.raises(Unfetchable, match=f"^Failed to fetch: invalid URL, {reason}$") as refused:
        parse(text)
    assert "secret" not in str(refused.value)
