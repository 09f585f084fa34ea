"""Which addresses a stranger's URL may lead us to: those of the public internet alone."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

# All IPv6 unicast that is routed in public (IANA, "Internet Protocol Version 6 Address Space"). Loopback, link-local,
# unique local (Amazon's metadata server is there), site-local and multicast lie outside it, whatever is added to them.
_IPV6_UNICAST = IPv6Network("2000::/3")
# The last four bytes are an IPv4 address: mapped (RFC 4291), compatible (the same, deprecated), NAT64 (RFC 6052).
_IPV4_AT_THE_END = (IPv6Network("::ffff:0:0/96"), IPv6Network("::/96"), IPv6Network("64:ff9b::/96"))
# In IANA's special-purpose registries, but not in every Python's ``is_global``: 6to4 relays, documentation (RFC 9637).
_SPECIAL = (ip_network("192.88.99.0/24"), ip_network("3fff::/20"))


def is_public(address: str) -> bool:
    """Whether a resolved ``address`` is on the public internet.

    Private, shared (100.64.0.0/10), loopback, link-local (metadata servers), multicast, documentation, benchmarking
    and reserved ones are not. An IPv6 address that stands for an IPv4 address is judged by that. What is no address
    is not public either.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    embedded = _embedded(parsed) if isinstance(parsed, IPv6Address) else ()
    return all(map(_is_public, embedded or (parsed,)))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    # Python calls multicast and some of what is reserved global: they are, in reach, but no server has them.
    ordinary = address.is_global and not address.is_multicast and not address.is_reserved
    routed = isinstance(address, IPv4Address) or address in _IPV6_UNICAST
    return ordinary and routed and not any(address in network for network in _SPECIAL)


def _embedded(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses to which packets for ``address`` would go; of Teredo both its server and its client."""
    if any(address in network for network in _IPV4_AT_THE_END):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address.sixtofour is not None:
        return (address.sixtofour,)
    return address.teredo or ()
