"""Which stored name belongs to which event, and what are its bytes?

The names are the structs' tags. Bytes are msgpack arrays whose first element is the name, so that any tool can
read them; encoding is deterministic, because structs have a fixed field order and hold no sets or floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from trueup.decisions import DECISIONS, Decision
from trueup.facts import FACTS, Fact

Event: TypeAlias = Fact | Decision

_encoder: Final = msgspec.msgpack.Encoder(decimal_format="string")
_ALL: Final[tuple[type[Event], ...]] = (*FACTS, *DECISIONS)
_CLASSES: Final[dict[str, type[Event]]] = {str(cls.__struct_config__.tag): cls for cls in _ALL}
_NAMES: Final[dict[type[Event], str]] = {cls: name for name, cls in _CLASSES.items()}
DECODERS: Final[dict[str, Callable[[bytes | memoryview], Event]]] = {
    name: msgspec.msgpack.Decoder(cls).decode for name, cls in _CLASSES.items()
}
"""By name: what `decode` does, for whoever decodes a hundred thousand."""


def name_of_event(event: Event) -> str:
    """The stored name, `observed/1`."""
    return _NAMES[type(event)]


def names() -> tuple[str, ...]:
    """Every name that can be stored, in order."""
    return tuple(sorted(_CLASSES))


def encode(event: Event) -> bytes:
    """The event's plain state."""
    return _encoder.encode(event)


def decode(name: str, state: bytes | memoryview) -> Event:
    """The event that `encode` made `state` from.

    Raises KeyError for a name that no version of trueup has stored, MsgspecError for bytes that are not it.
    """
    return DECODERS[name](state)
