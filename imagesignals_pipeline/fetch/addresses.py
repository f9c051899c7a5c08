"""Which hosts belong to the public Internet, and which to a machine room."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_NOT_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; one cloud's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host endpoint, a public address by number only
        "169.254.0.0/16",  # link-local; most clouds' metadata services
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; one cloud's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
"""Networks that no receipt lives in.

Source: the IANA IPv4 and IPv6 special-purpose address registries. They are listed here because
`ipaddress` of Python 3.11 calls several of them global.
"""
_OWN = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and some private networks
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local
        "172.16.0.0/12",  # private
        "192.168.0.0/16",  # private
        "::1/128",  # loopback
        "fc00::/7",  # private
        "fe80::/10",  # link-local
    )
)
"""Networks of which what is sent reaches no stranger's line. Source: the same registries."""
_INTERNAL_SUFFIXES = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
)
"""Names that are never public. Source: RFC 6761, 6762, 8375, and ICANN's choice of `.internal`."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
"""Source: RFC 6052. How a host without IPv4 reaches an IPv4 address, the last 32 bits."""


def is_public(address: str) -> bool:
    """Whether an address, as text, is a public unicast address; False for what is no address.

    Of IPv6 only global unicast (2000::/3) counts, so every other form that embeds an IPv4 address
    is refused by itself; the well-known NAT64 prefix counts as the IPv4 address within.

    >>> is_public("8.8.8.8"), is_public("::ffff:127.0.0.1"), is_public("64:ff9b::a00:1")
    (True, False, False)
    """
    try:
        return _is_public(ip_address(address))
    except ValueError:
        return False


def is_literal(host: str) -> bool:
    """Whether a host is an address, not a name."""
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def is_internal_name(name: str) -> bool:
    """Whether a host name, in lower case, is none of the public Internet.

    >>> is_internal_name("storage"), is_internal_name("nas.lan"), is_internal_name("lan.test")
    (True, True, False)
    """
    return "." not in name or name.endswith(tuple(f".{each}" for each in _INTERNAL_SUFFIXES))


def is_own(host: str) -> bool:
    """Whether a host, an address or a name in lower case, is in one's own machine room."""
    if not is_literal(host):
        return is_internal_name(host)
    address = ip_address(host)
    return any(address in network for network in _OWN)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return _is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id is not None or address not in _GLOBAL_UNICAST:
            return False
    listed = any(
        address in network for network in _NOT_PUBLIC if network.version == address.version
    )
    return address.is_global and not listed
