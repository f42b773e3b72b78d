"""Does the mapper carry every event there and back, by its chosen name, through cipher and compressor?"""

from __future__ import annotations

import zlib
from typing import cast

import pytest
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, MapperDeserialisationError, StoredEvent
from eventsourcing.utils import Environment

from journal.library_cipher import AESCipher
from journal.samples import ACCOUNT, fill, item
from trueup.journal.chain import GENESIS, Head
from trueup.journal.mapper import Carrier, JournalMapper


def cipher() -> AESCipher:
    return AESCipher(Environment("x", {"CIPHER_KEY": AESCipher.create_key(16)}))


MAPPERS = [
    JournalMapper(JSONTranscoder()),
    JournalMapper(JSONTranscoder(), compressor=zlib),  # type: ignore[arg-type]
    JournalMapper(JSONTranscoder(), cipher=cipher()),
    JournalMapper(JSONTranscoder(), compressor=zlib, cipher=cipher()),  # type: ignore[arg-type]
]


def carried(mapper: JournalMapper, carrier: Carrier) -> StoredEvent:
    return mapper.to_stored_event(cast("DomainEventProtocol[str]", carrier))


@pytest.mark.parametrize("mapper", MAPPERS)
def test_there_and_back(mapper: JournalMapper) -> None:
    for event, name in ((fill(1), "fill-recorded/1"), (item(1), "inbox-item/1")):
        carrier = Carrier(ACCOUNT, 3, event, b"d" * 32)
        stored = carried(mapper, carrier)
        assert (stored.originator_id, stored.originator_version, stored.topic) == (ACCOUNT, 3, name)
        assert mapper.to_domain_event(stored) == carrier
        assert (b"EURUSD" in stored.state) is (mapper is MAPPERS[0])


@pytest.mark.parametrize("mapper", MAPPERS)
def test_one_by_one_and_in_batches_are_the_same_bytes(mapper: JournalMapper) -> None:
    rows, head = mapper.chained(ACCOUNT, Head(4, GENESIS), [fill(1), fill(2)])
    assert [(stream, version, name) for stream, version, name, _ in rows] == [
        (ACCOUNT, 5, "fill-recorded/1"),
        (ACCOUNT, 6, "fill-recorded/1"),
    ]
    digests = [mapper.unseal(state)[1] for *_, state in rows]
    assert head == Head(6, digests[-1])
    if mapper.cipher is None:
        again = [carried(mapper, Carrier(ACCOUNT, 5 + n, fill(1 + n), digests[n])).state for n in (0, 1)]
        assert again == [state for *_, state in rows]


def test_what_is_no_event_of_ours_is_refused() -> None:
    mapper = MAPPERS[0]
    good = carried(mapper, Carrier(ACCOUNT, 1, fill(1), b"d" * 32))
    for topic, state in (
        ("unheard-of/1", good.state),
        ("observed/1", good.state),
        (good.topic, good.state[1:]),
        (good.topic, b""),
    ):
        with pytest.raises(MapperDeserialisationError, match="mt5:5001 at 1: stored as"):
            mapper.to_domain_event(StoredEvent(ACCOUNT, 1, topic, state))
