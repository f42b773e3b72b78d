"""How do these tests write a recording, and look at what was decided of it?"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest

from golden.story import played
from trueup import Policy
from trueup.events import Event, encode
from trueup.facts import Fact
from trueup.incident import Imported, import_incident
from trueup.journal import open_reader, verify
from trueup.ledger import Ledger
from trueup.reconciliation.decide import decide
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import save
from trueup.reconciliation.state import FOLD_VERSION, State

START = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def when(seconds: float) -> str:
    """A time of a recording that begins at 09:30:00."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def pos(symbol: str, quantity: str = "1", *, side: str = "long", **more: object) -> dict[str, object]:
    return {"symbol": symbol, "side": side, "quantity": quantity, **more}


def sees(seconds: float, *rows: object, complete: bool = True, **more: object) -> dict[str, object]:
    at = when(seconds)
    return {"at": at, "kind": "snapshot", "surface": "positions", "complete": complete, "positions": rows, **more}


def fill(seconds: float, execution_id: str, symbol: str, side: str = "buy", quantity: str = "1") -> dict[str, object]:
    body = {"execution_id": execution_id, "symbol": symbol, "side": side, "quantity": quantity, "price": "1.5"}
    return {"at": when(seconds), "kind": "local", "fill": body}


def fails(seconds: float, why: str = "no answer") -> dict[str, object]:
    return {"at": when(seconds), "kind": "failure", "surface": "positions", "why": why}


def jsonl(lines: Iterable[object]) -> bytes:
    return b"".join((line if isinstance(line, str) else json.dumps(line)).encode() + b"\n" for line in lines)


def brought(url: str, lines: Iterable[object] | bytes, **more: Any) -> Imported:
    raw = lines if isinstance(lines, bytes) else jsonl(lines)
    return import_incident(BytesIO(raw), url, **more)


def events(url: str, account: str) -> list[Event]:
    with open_reader(url, account) as reader:
        return [recorded.event for recorded in reader.read()]


def is_sound(url: str, account: str) -> State:
    """The journal verifies, snapshots included, and each decision comes out again from the inputs before it."""
    report = verify(
        url,
        account,
        refold=lambda recorded, upto: save(fold(State(account=account), ((r.position, r.event) for r in recorded))),
        fold_version=FOLD_VERSION,
    )
    assert report.faults == ()
    state = State(account=account)
    waiting: list[bytes] = []
    for event in events(url, account):
        if isinstance(event, Fact):
            assert waiting == [], "a decision that replaying gives is not in the journal"
            after = fold(state, [(state.position + 1, event)])
            waiting = [encode(one) for one in decide(state, after, event).decisions]
        else:
            assert waiting.pop(0) == encode(event)
        state = fold(state, [(state.position + 1, event)])
    assert waiting == []
    return state


def adopting(**knobs: Any) -> Policy:
    return Policy.adopt(**knobs)


def told_story(url: str) -> str:
    """The golden story in a store of its own, every raw reply kept at once, as a process does between two passes."""
    observe = Ledger.observe

    def kept(self: Ledger, *args: Any, **more: Any) -> Any:
        done = observe(self, *args, **more)
        self.maintain()
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "observe", kept)
        played(url).close()
    return url
