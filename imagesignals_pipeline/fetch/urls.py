"""What a URL says before anything is asked: its origin, or why it is refused."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Self
from urllib.parse import urljoin

from requests.utils import requote_uri
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from imagesignals_pipeline.fetch.refusal import invalid

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 8192
MAX_HOST_CHARACTERS = 253
"""Longest host name that DNS can carry. Source: RFC 1035, section 2.3.4."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of characters that people do not see and programs read differently."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what is trusted, and what a key belongs to."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """The host, in brackets where it is IPv6, with its port unless that is the default."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, repr=False)
class WebUrl:
    """An absolute http(s) URL in one spelling, percent-encoded.

    Its representation holds neither path nor query: a query string can be a signed token.
    """

    origin: Origin
    path: str
    query: str | None = None

    def __repr__(self) -> str:
        return f"WebUrl({self.origin!r}, ...)"

    @property
    def text(self) -> str:
        """The URL as it is asked for."""
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.origin.scheme}://{self.origin.netloc}{self.path}{query}"

    def join(self, location: str) -> "WebUrl":
        """Return where a redirect from here leads; raises Unfetchable."""
        try:
            return parse(urljoin(self.text, clean(location)))
        except ValueError:
            raise invalid("not a URL") from None

    def with_path(self, path: str) -> Self:
        """Return the URL of another path of the same origin, without a query."""
        return type(self)(self.origin, path)


def has_scheme(text: str) -> bool:
    """Whether the text begins like an absolute URL or names a host (`//host/...`)."""
    return text.startswith("//") or _SCHEME.match(text) is not None


def clean(text: str) -> str:
    """Return the text without the space around it; raises Unfetchable for what may hide a host."""
    text = text.strip(" \t\r\n\f\v")
    if not text:
        raise invalid("empty")
    if len(text) > MAX_URL_CHARACTERS:
        raise invalid(f"longer than {MAX_URL_CHARACTERS} characters")
    if "\\" in text or "%5c" in text.lower():
        raise invalid("with a backslash")
    if any(unicodedata.category(character) in _UNSEEN for character in text):
        raise invalid("with control characters")
    return text


def parse(text: str) -> WebUrl:
    """Return the one spelling of an absolute URL; raises Unfetchable.

    The parsers are the HTTP client's own, so that nothing is read in two ways. A fragment is
    dropped, dot segments are resolved, and what is not percent-encoded yet is encoded.
    """
    text = clean(text)
    if not text.lower().startswith(("http://", "https://")):
        raise invalid("not http or https")
    if "@" in re.split(r"[/?#]", text, maxsplit=3)[2]:
        raise invalid("with a user name or password")
    try:
        first = parse_url(text)
        # requests decodes %2e to a dot and so on; parsing its result again resolves those too.
        url = parse_url(requote_uri(first.url))
    except (LocationParseError, ValueError):
        raise invalid("not a URL") from None
    scheme = url.scheme or ""
    if url.port == 0:
        raise invalid("not a URL")  # urllib3 takes it for the default port
    port = url.port or DEFAULT_PORTS[scheme]
    return WebUrl(Origin(scheme, _host(url.host or ""), port), url.path or "/", url.query or None)


def _host(host: str) -> str:
    """Return a host name in lower case without its final dot, or an address as Python writes it.

    A host that ends in a number must be a dotted quad: 127.1, 0x7f.1 and 2130706433 are an
    address to some programs and a name to others. Source: WHATWG URL, "ends in a number".
    """
    try:
        if host.startswith("["):
            if "%" in host:
                raise invalid("not a host name")  # a zone is a network card of this machine
            return str(IPv6Address(host[1:-1]))
        name = host.lower().removesuffix(".")
        labels = name.split(".")
        if len(name) > MAX_HOST_CHARACTERS or not all(map(_LABEL.fullmatch, labels)):
            raise invalid("not a host name")
        return str(IPv4Address(name)) if _NUMBER.fullmatch(labels[-1]) else name
    except ValueError:
        raise invalid("not a host name") from None
