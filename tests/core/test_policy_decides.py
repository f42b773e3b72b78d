"""Does the policy decide about fills that the broker reports, and does a bad snapshot or intent do no harm?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, deal, fill, row
from trueup import Policy
from trueup.changes import PushedExecution
from trueup.decisions import FillAdopted, RecordRefused
from trueup.errors import BadNumber
from trueup.gate import Intent
from trueup.journal import Snapshot
from trueup.reconciliation.state import FOLD_VERSION
from trueup.storage import rehydrate

Worlds = Callable[..., World]


@pytest.mark.parametrize("policy", [Policy.observe(), Policy.guarded()])
def test_where_humans_decide_no_missed_fill_enters(world: Worlds, policy: Policy) -> None:
    """A new position, another size, and one that is gone: the breaks are told of, the book stays as it is."""
    w = world(fill("x1", "DAX", "2", "100"), fill("x2", "FTSE", "1", "7"), policy=policy)
    w.deals()
    w.deals(deal("y1", "NKY", "1"), deal("y2", "DAX", "1"), deal("y3", "FTSE", "-1"))
    w.ledger.push(PushedExecution(fill=fill("y4", "CAC", "1")))
    assert w.book == {"DAX": "2", "FTSE": "1"}
    assert w.events(FillAdopted) == []
    told = [one.why for one in w.events(RecordRefused) if isinstance(one, RecordRefused)]
    knobs = ["on_recovery", "on_drift", "on_ghost", "on_recovery"]
    assert [next(knob for knob in knobs if f"{knob} =" in why) for why in told] == knobs
    assert all("a human decides" in why for why in told)


def test_each_wish_is_asked_for_itself(world: Worlds) -> None:
    w = world(fill("x1", "DAX", "2", "100"), policy=Policy.adopt(on_drift="alert"))
    w.deals()
    w.deals(deal("y1", "DAX", "1"), deal("y2", "NKY", "1"))
    assert w.book == {"DAX": "2", "NKY": "1"}


def test_a_snapshot_that_cannot_be_read_is_passed_over(world: Worlds) -> None:
    w = world(fill("x1", "DAX", "2", "100"))
    w.sees(row("DAX", "2"))
    head = w.ledger._journal.head()
    w.ledger._journal.save_snapshot(Snapshot(head.position, head.digest, FOLD_VERSION, b"\x81\xa4book\x01"))
    assert rehydrate(w.account, w._reader) == w.state
    w.restart()
    assert w.book == {"DAX": "2"}


@pytest.mark.parametrize("quantity", [0, "-1", "NaN", "x", 1.5])
def test_l43_an_intent_of_no_size_is_refused_where_it_is_made(quantity: object) -> None:
    with pytest.raises(BadNumber, match=r"Intent\.quantity is"):
        Intent(symbol="DAX", side="buy", quantity=quantity)  # type: ignore[arg-type]
