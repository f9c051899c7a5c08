"""Which addresses are public: the registries' special networks, and every disguise of one."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagesignals_pipeline.fetch.addresses import is_own, is_public

SPECIAL = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24
203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
::/128 ::1/128 ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64
2001::/32 2001:2::/48 2001:10::/28 2001:20::/28 2001:db8::/32 2002::/16 3fff::/20 5f00::/16
fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905  (a table reads better)
METADATA = """
169.254.169.254 169.254.170.2 169.254.42.42 100.100.100.200 192.0.0.192 168.63.129.16
fd00:ec2::254 fd20:ce::254 fe80::a9fe:a9fe
""".split()  # noqa: SIM905  (a table reads better)
PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.215.14 100.63.255.255 100.128.0.0 126.255.255.255
128.0.0.0 168.63.129.15 168.63.129.17 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255
192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255
2001:4860:4860::8888 2606:4700:4700::1111 2a00:1450:4001:800::200e 64:ff9b::808:808
""".split()  # noqa: SIM905  (a table reads better)


@pytest.mark.parametrize("network", SPECIAL)
def test_nothing_in_a_special_network_is_public(network: str) -> None:
    """The first, the last and a middle address of every special network are refused."""
    addresses = ip_network(network)
    last = addresses.num_addresses - 1
    for offset in {0, min(1, last), last // 2, last}:
        assert not is_public(str(addresses[offset]))


@pytest.mark.parametrize("address", METADATA)
def test_no_metadata_service_is_public(address: str) -> None:
    """The addresses at which clouds hand out credentials are refused."""
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_addresses_are_public(address: str) -> None:
    """Addresses just outside the special networks are not refused with them."""
    assert is_public(address)


@pytest.mark.parametrize("text", ["", "example.com", "127.1", "8.8.8.8%eth0", "2606:4700::1%eth0"])
def test_what_is_no_address_is_not_public(text: str) -> None:
    """Names, short forms and addresses of one network card are refused."""
    assert not is_public(text)


@given(st.ip_addresses(v=4))
def test_nat64_counts_as_the_address_within(address: IPv4Address) -> None:
    """The well-known NAT64 prefix is as public as the IPv4 address it carries."""
    disguised = IPv6Address(int(ip_address("64:ff9b::")) | int(address))
    assert is_public(str(disguised)) == is_public(str(address))


@given(st.ip_addresses(v=4))
def test_every_other_disguise_of_ipv4_is_refused(address: IPv4Address) -> None:
    """Mapped, compatible, translated, 6to4 and Teredo forms are refused, public or not."""
    number = int(address)
    disguises = (
        IPv6Address(number),
        IPv6Address(0xFFFF << 32 | number),
        IPv6Address(0xFFFF << 48 | number),
        IPv6Address(0x2002 << 112 | number << 80),
        IPv6Address(0x20010000 << 96 | (number ^ 0xFFFFFFFF)),
        IPv6Address(0x0064FF9B0001 << 80 | number),
    )
    assert not any(is_public(str(disguise)) for disguise in disguises)


@given(st.ip_addresses())
def test_nothing_python_calls_private_is_public(address: IPv4Address | IPv6Address) -> None:
    """Our judgement is never laxer than the standard library's, NAT64 apart."""
    if is_public(str(address)) and address not in ip_network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses())
def test_nothing_of_ones_own_is_public(address: IPv4Address | IPv6Address) -> None:
    """Where a key may go in clear, no stranger can be asked for a picture."""
    assert not (is_own(str(address)) and is_public(str(address)))
