"""What lies in an inbox, and what are its bytes?

An item is stored as the array `["inbox-item/1", id, who, at_ns, body]`; the body is a map with its kind under
`change`, exactly as `trueup.changes` names its fields. Fields that are added later have defaults; a new meaning
gets a new name (`inbox-item/2`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec

from trueup.changes import Command, Fill, OrderUpdate, PositionSet
from trueup.errors import InputError
from trueup.model import name_of

ITEM_NAME: Final = "inbox-item/1"
ITEM_BYTES_MAX: Final = 65_536
"""The longest item that an inbox takes (law 12)."""

Body: TypeAlias = Command | Fill | OrderUpdate | PositionSet

_BODIES: Final[dict[str, type[Body]]] = {
    str(cls.__struct_config__.tag): cls for cls in (Command, Fill, OrderUpdate, PositionSet)
}
_MOMENTS: Final = ("at", "scheduled_for")

_encoder: Final = msgspec.msgpack.Encoder(decimal_format="string")


class InboxItem(msgspec.Struct, frozen=True):
    """Something that somebody who is not the writer leaves for it."""

    id: str
    """Chosen by whoever leaves it; the same id twice is the same item."""
    who: str
    at_ns: int
    """Wall time at which it was left, UTC, nanoseconds since 1970."""
    body: Body


class _Stored(msgspec.Struct, frozen=True, array_like=True, tag=ITEM_NAME, tag_field="event"):
    id: str
    who: str
    at_ns: int
    body: dict[str, Any]


_decoder: Final = msgspec.msgpack.Decoder(_Stored)


def encode_item(item: InboxItem) -> bytes:
    """The item's plain state. Raises InputError when it is longer than `ITEM_BYTES_MAX` or lacks a usable id."""
    name_of(item.id, what="the inbox item's id")
    name_of(item.who, what="the inbox item's who")
    state = _encoder.encode((ITEM_NAME, item.id, item.who, item.at_ns, item.body))
    if len(state) > ITEM_BYTES_MAX:
        raise InputError(
            f"inbox item {item.id} is {len(state):,} bytes long; an inbox takes at most {ITEM_BYTES_MAX:,} a piece"
        )
    return state


def decode_item(state: bytes) -> InboxItem:
    """The item that `encode_item` made `state` from.

    Raises msgspec.MsgspecError, or InputError, TypeError or KeyError when the body is none that we know. The
    body is built by its own constructor, which checks everything again: what lies there may be years old.
    """
    stored = _decoder.decode(state)
    fields = dict(stored.body)
    cls = _BODIES[str(fields.pop("change"))]
    for name in _MOMENTS:
        if isinstance(fields.get(name), str):
            fields[name] = msgspec.convert(fields[name], datetime)
    return InboxItem(stored.id, stored.who, stored.at_ns, cls(**fields))
