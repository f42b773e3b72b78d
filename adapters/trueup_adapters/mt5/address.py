"""Where may a gateway be, and is a connection to it safe to make?

A gateway moves money, and plain ZeroMQ is neither encrypted nor authenticated. So a plain connection is made
to this machine only, unless the caller says in so many words that it should be (DESIGN 8, "On the wire").
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from trueup.errors import InputError
from trueup_adapters.loopback import is_loopback

URL_DEFAULT: Final = "tcp://127.0.0.1:5555"
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,251}[A-Za-z0-9_])?\Z", re.ASCII)
_KEY = re.compile(r"[0-9A-Za-z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}\Z", re.ASCII)
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


class CurveKeys(NamedTuple):
    """What CURVE needs on our side, each 40 characters of Z85 text (`zmq.curve_keypair()` makes pairs)."""

    server_public: str
    """The gateway's public key: who we are willing to talk to."""
    public: str
    """Our own public key: what the gateway knows us by."""
    secret: str
    """Our own secret key; never printed, never sent."""

    def __repr__(self) -> str:
        return f"CurveKeys(server_public={self.server_public!r}, public={self.public!r}, secret=...)"


def checked_url(url: str, *, insecure: bool, curve: CurveKeys | None) -> str:
    """`url` if a connection there can be made and is safe.

    Raises InputError for what is no address, and for a plain connection that would leave this machine
    without `insecure`.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not rest or scheme not in ("tcp", "ipc", "inproc"):
        raise InputError(f"{url[:120]!r} is no gateway address; give one like {URL_DEFAULT!r}")
    if scheme != "tcp":
        return url
    host = _host_of(url, rest)
    if curve is None and not insecure and not is_loopback(host):
        raise InputError(
            f"{url} is not on this machine, and a plain connection there is neither encrypted nor authenticated. "
            "Give CURVE keys, or accept that with insecure=True, --insecure or GTW_INSECURE=1."
        )
    return url


def _host_of(url: str, rest: str) -> str:
    """The host of `host:port`, both of them checked."""
    host, colon, port = rest.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= 65_535):
        raise InputError(f"{url[:120]!r} lacks a port from 1 to 65535; give an address like {URL_DEFAULT!r}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError as error:
            raise InputError(
                f"{url[:120]!r}: {host!r} is no IPv6 address ({error}); give an address like {URL_DEFAULT!r}"
            ) from error
    elif not _HOST.match(host):
        raise InputError(f"{url[:120]!r}: {host!r} is no host; give an address like {URL_DEFAULT!r}")
    return host


def checked_keys(curve: CurveKeys | tuple[str, str, str] | None) -> CurveKeys | None:
    """`curve` if its three texts are CURVE keys. Raises InputError, which never shows the secret."""
    if curve is None:
        return None
    if len(curve) != 3:
        raise InputError("curve takes three keys: the gateway's public key, our public key, our secret key")
    keys = CurveKeys(*curve)
    for name, key in zip(CurveKeys._fields, keys, strict=True):
        if not _KEY.match(key):
            raise InputError(f"the CURVE key {name} is not 40 characters of Z85 text")
    return keys


def says_yes(environ: Mapping[str, str], name: str) -> bool:
    """Whether an environment variable is set to 1, true, yes or on."""
    return environ.get(name, "").strip().lower() in _TRUE


def url_from(environ: Mapping[str, str]) -> str:
    """The gateway's address from GTW_HOST and GTW_PORT. Raises InputError for a port that is none."""
    host = environ.get("GTW_HOST", "").strip() or "127.0.0.1"
    port = environ.get("GTW_PORT", "").strip() or "5555"
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"tcp://{host}:{port}"


def timeout_ms_from(environ: Mapping[str, str]) -> int | None:
    """GTW_TIMEOUT_MS, or None where it is not set. Raises InputError for what is no number of milliseconds."""
    text = environ.get("GTW_TIMEOUT_MS", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= 86_400_000):
        raise InputError(f"GTW_TIMEOUT_MS is {text[:40]!r}; it must be a number from 1 to 86400000")
    return int(text)
