"""How do our events become what the event-sourcing library stores, and back?

Topics are the events' chosen names (`observed/1`), never module paths, which a refactoring would break. The
library's own mapper reads `vars(event)`, which msgspec's structs do not have; this one carries the event whole.
The library's compressor and cipher apply outermost, where they are configured; the digest covers the plain state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent

from trueup import events
from trueup.errors import InputError
from trueup.events import Event
from trueup.journal.chain import Head, frame, link, prefixed, unframe
from trueup.journal.items import ITEM_NAME, InboxItem, decode_item, encode_item

Row: TypeAlias = tuple[str, int, str, bytes]
"""One stored event as the database holds it: stream, version, name, state."""

UNREADABLE: Final = (msgspec.MsgspecError, KeyError, TypeError, ValueError, InputError)
"""What decoding something that we did not write may raise (UnicodeDecodeError is a ValueError)."""


class Carrier(NamedTuple):
    """One event with its place: what the library calls a domain event."""

    originator_id: str
    originator_version: int
    event: Event | InboxItem
    digest: bytes


def encoded(event: Event | InboxItem) -> tuple[str, bytes]:
    """An event's name and plain state."""
    if type(event) is InboxItem:
        return ITEM_NAME, encode_item(event)
    one: Any = event  # one of ours: the type of the others is told from it by `is`, which no checker follows
    return events.name_of_event(one), events.encode(one)


def decoded(name: str, plain: bytes) -> Event | InboxItem:
    """The event of a name and plain state. Raises one of `UNREADABLE`."""
    return decode_item(plain) if name == ITEM_NAME else events.decode(name, plain)


class JournalMapper(Mapper[str]):
    """Maps carriers to stored events, one by one for the library, in batches for the writer."""

    def seal(self, plain: bytes, digest: bytes) -> bytes:
        """The stored state of a plain one and its digest."""
        state = frame(plain, digest)
        if self.compressor:
            state = self.compressor.compress(state)
        if self.cipher:
            state = self.cipher.encrypt(state)
        return state

    def unseal(self, state: bytes) -> tuple[bytes, bytes]:
        """The plain state and digest of a stored state. Raises BadFrame, or what cipher and compressor raise."""
        if self.cipher:
            state = self.cipher.decrypt(state)
        if self.compressor:
            state = self.compressor.decompress(state)
        return unframe(state)

    @property
    def opener(self) -> Callable[[bytes], tuple[bytes, bytes]]:
        """`unseal`, or as little of it as stored states need: they are plain by default."""
        return self.unseal if self.cipher or self.compressor else unframe

    def chained(self, stream: str, head: Head, new: Iterable[Event | InboxItem]) -> tuple[list[Row], Head]:
        """The rows that append `new` to `stream` after `head`, and the head that results (law 8)."""
        version, digest = head.position, head.digest
        stream_part = prefixed(stream)
        name_parts: dict[str, bytes] = {}
        rows: list[Row] = []
        for event in new:
            name, plain = encoded(event)
            name_part = name_parts.get(name)
            if name_part is None:
                name_part = name_parts[name] = prefixed(name)
            version += 1
            digest = link(digest, stream_part, version, name_part, plain)
            rows.append((stream, version, name, self.seal(plain, digest)))
        return rows, Head(version, digest)

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The stored form of one carrier, whose digest is taken as given."""
        carrier = cast(Carrier, domain_event)
        name, plain = encoded(carrier.event)
        state = self.seal(plain, carrier.digest)
        return StoredEvent(carrier.originator_id, carrier.originator_version, name, state)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """The carrier of one stored event. Raises MapperDeserialisationError."""
        try:
            plain, digest = self.unseal(stored_event.state)
            event = decoded(stored_event.topic, plain)
        except UNREADABLE as error:
            raise MapperDeserialisationError(
                f"{stored_event.originator_id} at {stored_event.originator_version}: "
                f"stored as {stored_event.topic!r}, but {error}"
            ) from error
        carrier: Any = Carrier(str(stored_event.originator_id), stored_event.originator_version, event, digest)
        return cast("DomainEventProtocol[str]", carrier)
