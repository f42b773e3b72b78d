"""Which events, items and stores do the journal's tests use?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from trueup.changes import Fill
from trueup.decisions import BaselineTaken
from trueup.events import Event
from trueup.facts import FillRecorded, Observed
from trueup.journal import InboxItem, open_inbox, open_writer
from trueup.journal.snapshots import Snapshot
from trueup.model import Execution, Moment

ACCOUNT = "mt5:5001"
OTHER = "mt5:5002"


def moment(n: int) -> Moment:
    return Moment(1_704_153_600_000_000_000 + n, n, 1)


def fill(n: int) -> FillRecorded:
    return FillRecorded(
        moment(n), Execution(f"e{n}", "EURUSD", Decimal("0.01"), Decimal("1.0543"), client_order_id=f"c{n}")
    )


def fills(first: int, last: int) -> list[Event]:
    return [fill(n) for n in range(first, last + 1)]


def observed(n: int, raw: bytes, *, completeness: str = "complete") -> Observed:
    return Observed(
        moment(n),
        moment(n),
        n,
        n,
        "positions",
        "mt5",
        "SUCCESS",
        completeness,  # type: ignore[arg-type]
        "" if completeness == "complete" else "cut short",
        1,
        "periodic",
        1,
        sha256(raw).digest() if raw else b"",
    )


def decision(cause: int) -> BaselineTaken:
    return BaselineTaken(cause, moment(cause).at_ns, b"p" * 8, ("EURUSD",), "the first complete answer")


def item(n: int, *, who: str = "operator") -> InboxItem:
    body = Fill(execution_id=f"e{n}", symbol="EURUSD", side="buy", quantity="0.01", price="1.0543")
    return InboxItem(f"{who}-{n}", who, n, body)


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def filled_store(path: Path) -> str:
    """`fill_store` in a file."""
    return fill_store(url_of(path))


def fill_store(url: str) -> str:
    """Two accounts of five events, each with an inbox, a raw reply and a snapshot."""
    for account in (ACCOUNT, OTHER):
        raw = f"reply of {account}".encode() * 20
        with open_writer(url, account) as writer:
            writer.append(fills(1, 3))
            head = writer.append([observed(4, raw), decision(4)], raws=[raw])
            writer.save_snapshot(Snapshot(head.position, head.digest, 1, b"state"))
        with open_inbox(url, account) as inbox:
            for n in (1, 2, 3):
                inbox.put(item(n))
    return url


@contextmanager
def tampering(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection without our triggers, as somebody with an editor has."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for verb in ("update", "delete", "replace"):
            connection.execute(f"DROP TRIGGER IF EXISTS stored_events_no_{verb}")
        yield connection
    finally:
        connection.close()


def edit(connection: Any, old: bytes, new: bytes, where: str, *, table: str = "stored_events") -> None:
    """Change some bytes within stored states, which stay blobs."""
    rows = list(connection.execute(f"SELECT originator_id, originator_version, state FROM {table} WHERE {where}"))
    assert any(old in state for *_, state in rows)
    for stream, version, state in rows:
        connection.execute(
            f"UPDATE {table} SET state=? WHERE originator_id=? AND originator_version=?",
            (state.replace(old, new), stream, version),
        )
