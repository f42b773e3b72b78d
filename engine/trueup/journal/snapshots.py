"""What are the bytes of a snapshot, and what ties it to the journal it shortens?

Stored like an event, `[plain state, digest]`, in a table of its own. Its digest is made as if it were the next
event after the one it follows, so that neither can be exchanged without the other (law 8). Pure: no I/O.
"""

from __future__ import annotations

from typing import Final

import msgspec

from trueup.journal.chain import link, prefixed

SNAPSHOT_NAME: Final = "snapshot/1"

SNAPSHOTS_MAX: Final = 16
"""How many snapshots of an account are kept, the newest (law 12)."""


class Snapshot(msgspec.Struct, frozen=True):
    """The fold of a journal up to `position`: a shortcut that is never trusted beyond its digests."""

    position: int
    digest: bytes
    """The chain's digest at that position."""
    fold_version: int
    """Of the code that folded; another version's snapshot is ignored."""
    state: bytes


class _Stored(msgspec.Struct, frozen=True, array_like=True, tag=SNAPSHOT_NAME, tag_field="event"):
    digest: bytes
    fold_version: int
    state: bytes


_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(_Stored)


def encode_snapshot(account: str, snapshot: Snapshot) -> tuple[bytes, bytes]:
    """A snapshot's plain state and its own digest."""
    plain = _encoder.encode(_Stored(snapshot.digest, snapshot.fold_version, snapshot.state))
    return plain, _own_digest(account, snapshot.position, plain, snapshot.digest)


def decode_snapshot(account: str, position: int, plain: bytes, own: bytes) -> Snapshot:
    """The snapshot of a plain state and its digest. Raises ValueError or msgspec.MsgspecError, with the reason."""
    stored = _decoder.decode(plain)
    if position < 0:
        raise ValueError(f"its position is {position}")
    if _own_digest(account, position, plain, stored.digest) != own:
        raise ValueError("its digest does not fit its contents")
    return Snapshot(position, stored.digest, stored.fold_version, stored.state)


def _own_digest(account: str, position: int, plain: bytes, digest: bytes) -> bytes:
    return link(digest, prefixed(account), position, prefixed(SNAPSHOT_NAME), plain)
