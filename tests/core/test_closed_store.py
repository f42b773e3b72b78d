"""Is a store that was closed cleanly whole in its one file, as whoever copies it expects?"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trueup import AsyncReconciler, PositionSet, Reconciler
from trueup.journal import verify

HELD = PositionSet(symbol="EURUSD", side="long", quantity="1")


def alone(folder: Path) -> str:
    """A copy of the store's one file, without anything that lies beside it."""
    copy = folder / "copy.db"
    copy.write_bytes((folder / "journal.db").read_bytes())
    return f"sqlite:///{copy}"


def test_law_7_a_closed_store_is_whole_in_its_one_file(tmp_path: Path) -> None:
    with Reconciler.open(f"sqlite:///{tmp_path}/journal.db", account="mt5:1") as rec:
        events = rec.record(HELD)
    assert verify(alone(tmp_path), "mt5:1").events == events


def test_law_7_so_is_one_that_an_event_loop_closed(tmp_path: Path) -> None:
    async def recorded() -> int:
        async with AsyncReconciler.open(f"sqlite:///{tmp_path}/journal.db", account="mt5:1") as rec:
            return rec.record(HELD)

    events = asyncio.run(recorded())
    assert verify(alone(tmp_path), "mt5:1").events == events
