"""Names in the letters of the world, as they go on the wire."""

from __future__ import annotations

from slocheck.core.tls_names import as_ip
from slocheck.core.units import told


def ascii_name(host: str) -> str:
    """A-labels by UTS 46, in lower case; an address in its shortest form. Raises ValueError."""
    address = as_ip(host)
    if address is not None:
        return address
    if host.isascii():
        return host.lower()
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise ValueError(f"{told(host)} is not a name that can be asked for") from None
