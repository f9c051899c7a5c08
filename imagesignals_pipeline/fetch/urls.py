"""What a URL says before anything is asked: its origin, or why it is refused."""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urljoin

import idna
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 8192
MAX_HOST_CHARACTERS = 253
"""Longest host name that DNS can carry. Source: RFC 1035, section 2.3.4."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*:", re.IGNORECASE)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")


class UnusableUrl(Exception):  # noqa: N818  (says what is the case, as its message does)
    """The text is no URL that we would ever ask for; the message is the operator's clause."""


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


@dataclass(frozen=True, slots=True)
class WebUrl:
    """An absolute http(s) URL in one spelling; `target` is path and query, percent-encoded.

    The representation leaves the target out: a query string can hold a signed token.
    """

    origin: Origin
    path: str
    query: str | None = None

    def __repr__(self) -> str:
        return f"WebUrl({self.origin.scheme}://{self.origin.netloc}/...)"

    @property
    def text(self) -> str:
        """The URL as it is asked for."""
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.origin.scheme}://{self.origin.netloc}{self.path}{query}"

    def join(self, location: str) -> "WebUrl":
        """Return where a redirect from here leads; raises UnusableUrl."""
        try:
            return parse(urljoin(self.text, clean(location)))
        except ValueError:
            raise UnusableUrl("not a URL") from None


def has_scheme(text: str) -> bool:
    """Whether the text begins like an absolute URL or names a host (`//host/...`)."""
    return text.startswith("//") or _SCHEME.match(text) is not None


def clean(text: str) -> str:
    """Return the text without space around it; raises UnusableUrl for what may hide a host."""
    text = text.strip(" \t\r\n\f\v")
    if not text or len(text) > MAX_URL_CHARACTERS:
        raise UnusableUrl("empty or too long")
    if "\\" in text or "%5c" in text.lower():
        raise UnusableUrl("a backslash in it")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in text):
        raise UnusableUrl("control characters in it")
    return text


def parse(text: str) -> WebUrl:
    """Return the one spelling of an absolute URL; raises UnusableUrl.

    The parser is the HTTP client's own, so that nothing is read in two ways. A fragment is
    dropped, dot segments are resolved, and what is not percent-encoded yet is encoded.
    """
    text = clean(text)
    if not text.lower().startswith(("http://", "https://")):
        raise UnusableUrl("not http or https")
    try:
        url = parse_url(text)
    except (LocationParseError, ValueError):
        raise UnusableUrl("not a URL") from None
    if url.auth is not None or "@" in (url.authority or ""):
        raise UnusableUrl("a user name or password in it")
    scheme = url.scheme or ""
    origin = Origin(scheme, _host(url.host or ""), url.port or DEFAULT_PORTS[scheme])
    if url.port == 0:
        raise UnusableUrl("not a URL")
    return WebUrl(origin, url.path or "/", url.query)


def _host(host: str) -> str:
    """Return a host name in its ASCII form, or an address in its shortest form."""
    if host.startswith("["):
        return _ipv6(host.strip("[]"))
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise UnusableUrl("not a host name") from None
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > MAX_HOST_CHARACTERS or not all(_LABEL.fullmatch(label) for label in labels):
        raise UnusableUrl("not a host name")
    return _ipv4(name) if _NUMBER.fullmatch(labels[-1]) else name


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text)) if "%" not in text else _no_host()
    except ValueError:
        return _no_host()


def _ipv4(text: str) -> str:
    """Accept the dotted quad only: 0x7f.1 is an address to some programs and a name to others."""
    try:
        return str(ip_address(text))
    except ValueError:
        return _no_host()


def _no_host() -> str:
    raise UnusableUrl("not a host name")
