"""An event that these tables know nothing of: it is told, and whatever it moved stands in the tables all the same."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from lessons.world import World, order_row, pending, row
from projections.orders_oracle import orders_are_those_of  # noqa: TID251 - our own folder
from projections.tables import ask, content, faults  # noqa: TID251
from trueup import Policy, audit, events
from trueup.facts import Fact
from trueup.reconciliation import fold as folding
from trueup.reconciliation.draft import Draft
from trueup.reconciliation.order_inputs import put_order
from trueup_projections import Views


class Novelty(Fact, frozen=True, array_like=True, tag="novelty/1"):
    """Something that a later version of the engine knows."""

    client_id: str
    """Of an action that it says something about."""


def novelty(draft: Draft, position: int, fact: Novelty) -> None:
    """It moves an order, a position and an action at once."""
    slot = draft.orders["c1"]
    put_order(draft, replace(slot, order=replace(slot.order, quantity=Decimal(7)), position=position))
    held = draft.book["DAX"]
    assert held.holding is not None
    draft.book["DAX"] = replace(held, holding=replace(held.holding, signed_quantity=Decimal(7)))
    draft.outbox[fact.client_id] = replace(draft.outbox[fact.client_id], why="seen in another light")


@pytest.mark.parametrize("page_events", [1, 4_000])
def test_law_11_an_event_that_is_not_known_here_may_move_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_events: int
) -> None:
    monkeypatch.setitem(events._CLASSES, "novelty/1", Novelty)
    monkeypatch.setitem(events._NAMES, Novelty, "novelty/1")
    monkeypatch.setitem(events.DECODERS, "novelty/1", events.msgspec.msgpack.Decoder(Novelty).decode)
    monkeypatch.setitem(folding._HANDLERS, Novelty, novelty)
    monkeypatch.setattr(folding, "_TIMED", folding._TIMED | {Novelty})
    monkeypatch.setitem(audit._SENTENCES, Novelty, lambda event: "something new")
    w = World(url=f"sqlite:///{tmp_path}/store.db", orders=True, policy=Policy.adopt(on_orphan_order="cancel"))
    w.sees(row("DAX", "1"))
    w.record(pending("c1", "DAX", type="limit", limit="90"))
    w.lists(order_row("OIL", order_id="b9", limit="70"), times=2)
    (asked,) = w.actions()
    with Views.open(w.url, page_events=page_events) as views:
        views.catch_up()
        w.ledger.judged(lambda state, now: [Novelty(now, asked.client_id)])
        assert views.catch_up() >= 1
        orders_are_those_of(w.state, views.path)
        assert ask(views.path, "SELECT signed_quantity FROM positions") == [("7",)]
        assert ask(views.path, "SELECT net_quantity FROM exposure") == [("7",)]
        assert ask(views.path, "SELECT quantity FROM orders") == [("7",)]
        assert ask(views.path, "SELECT why FROM actions") == [("seen in another light",)]
        assert ask(views.path, "SELECT said_by, quantity FROM order_steps ORDER BY position DESC LIMIT 1") == [
            ("novelty/1", "7")
        ]
        assert ask(views.path, "SELECT sentence FROM audit WHERE name = 'novelty/1'") == [("something new",)]
        with Views.open(w.url, tmp_path / "anew.db") as anew:
            anew.catch_up()
        assert content(views.path) == content(anew.path)
        assert faults(views.path) == []
    w.ledger.close()
