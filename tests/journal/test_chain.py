"""Do stored bytes stay what they were, and can any tool read them?"""

from __future__ import annotations

import sqlite3
import zlib
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from journal.samples import ACCOUNT, fill, fills, item, observed, tampering, url_of
from trueup import events
from trueup.journal import GENESIS, open_inbox, open_reader, open_writer
from trueup.journal.chain import BadFrame, frame, link, prefixed, unframe

GOLDEN = [
    "5cd6dfd2445e8c30457ca10051f2277991c009f1cd552bfb8aae2cebbbe1a9b3",
    "8b1f0ad30d0e4b9fe6e35ec4e242194623192d94f305d9334a2357d19dc6cff0",
    "400d8dbd67d13f7ed956d62ae1a8c332c712fd9d7d640419f2b28833285027ce",
]
"""The chain over three fixed events, whose bytes are these for ever, whatever fields later versions add. If this
changes, every journal out there fails `verify`."""
FIXED = [
    (
        "fill-recorded/1",
        "93af66696c6c2d7265636f726465642f3193cf17a65eab92b4000101019ba26531a6455552555344a4302e3031a6312e"
        "30353433c0c0a26331c0c0c0c0",
    ),
    (
        "observed/1",
        "dc0012aa6f627365727665642f3193cf17a65eab92b40002020193cf17a65eab92b4000202010202a9706f736974696f"
        "6e73a36d7435a753554343455353a8636f6d706c657465a001a8706572696f64696301c420d7439bee24773bcbfa2d0a"
        "97947ee36227b10d1022b1a55847e928965bb6bfdec09090a0",
    ),
    (
        "fill-recorded/1",
        "93af66696c6c2d7265636f726465642f3193cf17a65eab92b4000303019ba26533a6455552555344a4302e3031a6312e"
        "30353433c0c0a26333c0c0c0c0",
    ),
]


def by_hand(previous: bytes, stream: str, version: int, name: str, plain: bytes) -> bytes:
    """The digest as DESIGN's law 8 words it, written a second time."""

    def field(data: bytes) -> bytes:
        return len(data).to_bytes(8, "big") + data

    hashed = sha256()
    hashed.update(field(previous))
    hashed.update(field(stream.encode()))
    hashed.update(version.to_bytes(8, "big"))
    hashed.update(field(name.encode()))
    hashed.update(field(plain))
    return hashed.digest()


def test_law_8_golden_digests() -> None:
    digests, previous = [], GENESIS
    for version, (name, plain) in enumerate(FIXED, 1):
        previous = link(previous, prefixed(ACCOUNT), version, prefixed(name), bytes.fromhex(plain))
        digests.append(previous.hex())
    assert digests == GOLDEN


def test_law_8_the_chain_is_what_the_law_says(tmp_path: Path) -> None:
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        writer.append([fill(1), observed(2, b"raw")])
        previous = GENESIS
        for position, event, digest in writer.read():
            name = "fill-recorded/1" if position == 1 else "observed/1"
            previous = by_hand(previous, ACCOUNT, position, name, events.encode(event))
            assert digest == previous


def test_law_8_every_field_moves_the_digest() -> None:
    base = (GENESIS, prefixed("a:1"), 1, prefixed("x/1"), b"plain")
    changes = ((b"\1" * 32,), (prefixed("a:2"),), (2,), (prefixed("x/2"),), (b"plaim",))
    digests = {link(*base)}
    for place, (value,) in enumerate(changes):
        changed = list(base)
        changed[place] = value
        digests.add(link(*changed))  # type: ignore[arg-type]
    assert len(digests) == 6
    # Length prefixes: a byte that moves from one field to the next is another event.
    assert link(GENESIS, prefixed("a:1"), 1, prefixed("x/1a"), b"b") != link(
        GENESIS, prefixed("a:1"), 1, prefixed("x/1"), b"ab"
    )


def test_states_are_plain_msgpack(tmp_path: Path) -> None:
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        writer.append([fill(1)], raws=[b"the reply"])
    with open_inbox(url_of(tmp_path / "a.db"), ACCOUNT) as inbox:
        inbox.put(item(1))
    with tampering(tmp_path / "a.db") as connection:
        (topic, state), (_, left) = connection.execute("SELECT topic, state FROM stored_events ORDER BY rowid")
        ((digest, body),) = connection.execute("SELECT digest, body FROM raw_replies")
    (name, *_), own = msgspec.msgpack.decode(state)
    assert (name, topic, len(own)) == ("fill-recorded/1", "fill-recorded/1", 32)
    assert msgspec.msgpack.decode(left)[0][4]["quantity"] == "0.01"
    assert (zlib.decompress(body), digest) == (b"the reply", sha256(b"the reply").digest())


def test_topics_are_chosen_names_never_module_paths(tmp_path: Path) -> None:
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        writer.append([fill(1), observed(2, b"")])
    with tampering(tmp_path / "a.db") as connection:
        topics = {topic for (topic,) in connection.execute("SELECT topic FROM stored_events")}
    assert topics == {"fill-recorded/1", "observed/1"}


def test_what_is_no_frame_is_refused() -> None:
    good = frame(b"\x91\xa1x", bytes(32))
    assert unframe(good) == (b"\x91\xa1x", bytes(32))
    for bad in (b"", good[1:], good[:-1], b"\x93" + good[1:], frame(b"", bytes(32)), good + b"\0"):
        with pytest.raises(BadFrame):
            unframe(bad)


def test_law_8_the_database_itself_refuses_to_change_events(tmp_path: Path) -> None:
    with open_writer(url_of(tmp_path / "a.db"), ACCOUNT) as writer:
        writer.append(fills(1, 2))
        connection = sqlite3.connect(tmp_path / "a.db")
        try:
            taken = f"INTO stored_events VALUES ('{ACCOUNT}', 2, 'x', x'00')"
            for statement in (
                "UPDATE stored_events SET topic='x'",
                "UPDATE OR REPLACE stored_events SET originator_version=1 WHERE originator_version=2",
                "DELETE FROM stored_events",
                f"INSERT OR REPLACE {taken}",
                f"REPLACE {taken}",
                f"INSERT {taken} ON CONFLICT DO UPDATE SET topic='x'",
                f"INSERT OR IGNORE {taken}",
                "INSERT OR REPLACE INTO stored_events(rowid, originator_id, originator_version) VALUES (1, 'x:1', 1)",
            ):
                with pytest.raises(sqlite3.IntegrityError, match="stored events are never changed"):
                    connection.execute(statement)
        finally:
            connection.close()


def test_growth_of_an_unchanged_pass_stays_below_300_bytes(tmp_path: Path) -> None:
    url = url_of(tmp_path / "a.db")
    with open_writer(url, ACCOUNT) as writer:
        writer.append([observed(n, b"reply") for n in range(100)])
        before = writer.size_bytes()
        writer.append([observed(n, b"reply") for n in range(100, 10_100)])
        grown = (writer.size_bytes() - before) / 10_000
    with open_reader(url, ACCOUNT) as reader:
        assert reader.head().position == 10_100
    assert grown <= 300, grown
