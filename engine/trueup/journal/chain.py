"""How is each stored event bound to all that went before it?

Every stored state is a msgpack array of two, `[plain state, digest]`, so that any msgpack tool reads it:

    0x92 | plain state (itself a msgpack array that begins with the event's name) | 0xc4 0x20 | 32 bytes of digest

    digest = SHA-256( len | previous digest | len | stream | version | len | name | len | plain state )

where every `len` and the version are 8 bytes, big-endian, and the first event's previous digest is `GENESIS`.
The stream is the account, or `account/inbox`. Pure: no I/O.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final

import msgspec

GENESIS: Final = bytes(32)
"""What the first event of every stream chains to."""

FRAME_BYTES: Final = 35
"""What framing adds to a plain state."""

_U64: Final = Struct(">Q").pack
OPENING: Final = b"\x92"
SEAL: Final = b"\xc4\x20"
"""What stands before a plain state, and between it and its digest."""
_PREVIOUS_LENGTH: Final = _U64(32)


class Head(msgspec.Struct, frozen=True, array_like=True):
    """Where a stream ends: enough to notice later that its tail was cut off or its history recomputed (law 8)."""

    position: int
    """The last event's position; 0 when there is none."""
    digest: bytes
    """The last event's digest, 32 bytes; `GENESIS` when there is none."""


EMPTY: Final = Head(0, GENESIS)


class BadFrame(ValueError):
    """A stored state that is not `[plain state, digest]`."""


@lru_cache(maxsize=256)
def prefixed(text: str) -> bytes:
    """UTF-8 with its length before it, as it enters a digest."""
    data = text.encode("utf-8", "surrogateescape")  # a tampered name must get a digest too, not an exception
    return _U64(len(data)) + data


def link(previous: bytes, stream: bytes, version: int, name: bytes, plain: bytes) -> bytes:
    """The digest of one event (law 8).

    previous      the digest before it, 32 bytes
    stream, name  as `prefixed` made them, so that a page of events encodes each once
    version       its position, from 1
    """
    parts = (_PREVIOUS_LENGTH, previous, stream, _U64(version), name, _U64(len(plain)), plain)
    return sha256(b"".join(parts)).digest()


def frame(plain: bytes, digest: bytes) -> bytes:
    """The stored state of a plain one."""
    return b"".join((OPENING, plain, SEAL, digest))


def unframe(state: bytes) -> tuple[bytes, bytes]:
    """The plain state and the digest of a stored one. Raises BadFrame."""
    if state[:1] != OPENING or state[-34:-32] != SEAL or len(state) <= FRAME_BYTES:
        raise BadFrame("it is not a plain state followed by its digest")
    return state[1:-34], state[-32:]
