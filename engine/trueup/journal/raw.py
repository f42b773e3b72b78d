"""How are raw replies kept, outside the chain, by the digest that an event carries?

A reply is stored as zlib (level 1) of its bytes under the SHA-256 of its bytes. Pure: no I/O.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from trueup.errors import InputError
from trueup.events import Event
from trueup.facts import FACTS, ActionAnswered, Observed

RAW_BYTES_MAX: Final = 67_108_864
"""The longest raw reply that is kept, and the most that a stored one is ever unpacked to (law 12)."""

_HEADER: Final = b"\x78\x01"
"""How zlib begins at level 1."""
_CHECKSUM_BYTES: Final = 4

CITING: Final = tuple(str(cls.__struct_config__.tag) for cls in FACTS if "raw_digest" in cls.__struct_fields__)
"""The names of the events that cite a raw reply: answers to questions, and to what was asked to be done."""


def cited_by(event: Event | None) -> bytes:
    """The digest of the raw reply that an event cites; b'' where it cites none."""
    return event.raw_digest if isinstance(event, Observed | ActionAnswered) else b""


def packed(raws: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
    """For each reply its digest and its compressed body. Raises InputError above `RAW_BYTES_MAX`."""
    kept: list[tuple[bytes, bytes]] = []
    for raw in raws:
        if len(raw) > RAW_BYTES_MAX:
            raise InputError(f"a raw reply of {len(raw):,} bytes is longer than the {RAW_BYTES_MAX:,} that are kept")
        kept.append((sha256(raw).digest(), zlib.compress(raw, 1)))
    return kept


def unpacked(digest: bytes, body: bytes) -> bytes:
    """The reply that `packed` made `body` from. Raises ValueError with a clear reason when it is another."""
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(body, RAW_BYTES_MAX)
    except zlib.error as error:
        raise ValueError(f"the raw reply does not unpack ({error})") from error
    if not stream.eof or stream.unused_data:
        raise ValueError("the raw reply does not unpack to its end")
    if sha256(raw).digest() != digest:
        raise ValueError("the raw reply is not the one whose digest it is stored under")
    return raw


def slack_in(body: bytes, raw: bytes) -> bool:
    """Whether a stored body holds bits that say nothing of its reply, and that compressing never sets.

    Deflate has such bits in its header and behind its last code. Nobody reads them; a byte that differs from what was
    written is a changed byte all the same (law 8). Those between blocks that were stored as they are (replies that do
    not compress) are not looked at.
    """
    if body[:2] != _HEADER:
        return True
    last = body[-_CHECKSUM_BYTES - 1]
    if not last:
        return False
    cleared = last & ~(1 << last.bit_length() - 1)  # a bit of a code is missed, one behind the last code is not
    twin = body[: -_CHECKSUM_BYTES - 1] + bytes((cleared,)) + body[-_CHECKSUM_BYTES:]
    try:
        return zlib.decompress(twin, bufsize=max(1, len(raw))) == raw
    except zlib.error:
        return False
