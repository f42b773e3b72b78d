"""Do the tables say of orders what an investigator asks first?"""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest

from lessons.world import World, deal, fill, held, order_row, pending, row
from projections.histories import Step  # noqa: TID251 - our own folder
from projections.histories import World as Accounts  # noqa: TID251
from projections.tables import ask, content  # noqa: TID251
from projections.telling import only, told  # noqa: TID251
from projections.test_each_event import OnePage  # noqa: TID251
from trueup import Policy
from trueup.orders import order_ref
from trueup.reconciliation.orphans import guarded
from trueup_projections import Views, order_sides


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


# -- orders ------------------------------------------------------------------------------------------------


def test_both_sides_of_each_order_stand_side_by_side(url: str) -> None:
    w = World(url=url, orders=True)
    w.sees()
    w.record(
        pending("c1", "DAX", "accepted", type="limit", limit="100.50", quantity="2.50", strategy="trend", parent="p"),
        pending("c2", "EURUSD", "accepted", type="stop", side="sell", stop="1.05", reduce_only=True),
    )
    w.passes(s=60)
    w.lists(
        order_row("DAX", name="c1", order_id="b1", limit="100.5", quantity="2.5", filled="0.5"),
        order_row("OIL", order_id="b9", limit="70"),
    )
    assert only(
        told(w, "SELECT * FROM orders_and_broker"),
        "client_order_id", "order_id", "sides", "book_filled", "broker_filled", "book_status", "broker_status",
    ) == [
        ("c1", "b1", "both", "0.5", "0.5", "partially_filled", "accepted"),
        ("c2", None, "book", "0", None, "accepted", None),
        (None, "b9", "broker", None, None, None, "accepted"),
    ]  # fmt: skip
    (first, second) = told(w, "SELECT * FROM orders ORDER BY client_order_id")
    wanted = {
        "account": w.account, "client_order_id": "c1", "order_id": "b1", "symbol": "DAX", "side": "buy",
        "type": "limit", "quantity": "2.5", "filled": "0.5", "executed": "0", "remaining": "2", "average_price": None,
        "limit": "100.5", "stop": None, "reduce_only": None, "status": "partially_filled", "raw_status": None,
        "is_open": 1, "overfilled": 0, "strategy": "trend", "parent": "p", "scheduled_for": None, "ticket": None,
        "mark": None, "pending_position": None,
    }  # fmt: skip
    assert {name: first[name] for name in wanted} == wanted
    assert (second["stop"], second["reduce_only"]) == ("1.05", 1)
    w.close()


def test_l17_late_fills_are_those_after_an_end_that_was_no_fill(url: str) -> None:
    w = World(url=url, orders=True)
    w.deals()
    w.record(pending("c1", "DAX", order_id="b1"), pending("c1", "DAX", "canceled"))
    w.record(pending("c2", "DAX", order_id="b2"), pending("c2", "DAX", "filled"))
    w.passes(s=5)
    w.record(fill("x1", "DAX", "1", "100", client_order_id="c1"))
    w.record(fill("x2", "DAX", "1", "100", order_id="b2"), fill("x3", "DAX", "1", "100", client_order_id="no-such"))
    w.record(pending("c3", "DAX", order_id="b3"), pending("c3", "DAX", "failed"))
    w.deals(deal("x4", "DAX", "0.25", "101", order_id="b3"))
    rows = told(w, "SELECT * FROM late_fills ORDER BY heard_position")
    assert only(rows, "execution_id", "client_order_id", "ended_as", "late_ms", "quantity") == [
        ("x1", "c1", "canceled", 5_000, "1"),
        ("x4", "c3", "failed", 3_010, "0.25"),
    ]
    rows = told(w, "SELECT * FROM order_steps WHERE client_order_id = 'c1' ORDER BY position")
    assert only(rows, "said_by", "status", "filled", "is_over") == [
        ("process", "pending", "0", 0),
        ("process", "canceled", "0", 1),
        ("fill", "canceled", "0", 1),  # its price is known by now; that it reopens the order is decided
        ("correction", "filled", "1", 1),
    ]
    (made,) = told(w, "SELECT * FROM corrections WHERE key = 'c1'")
    assert (made["of"], made["compensates"], made["before_status"], made["after_status"]) == (
        "order", "end", "canceled", "filled"
    )  # fmt: skip
    assert (made["before_filled"], made["after_filled"], made["after_quantity"]) == ("0", "1", "1")
    assert rows[-1]["correction"] == made["id"]
    (broken,) = told(w, "SELECT * FROM breaks WHERE \"of\" = 'order' AND key = 'c1' AND field = 'status'")
    assert (broken["correction_position"], broken["state"], broken["is_open"]) == (made["position"], "corrected", 0)
    assert broken["why"] == made["why"]
    assert only(told(w, "SELECT * FROM corrections_by_cause"), "of", "kind")[0] == ("order", "drift")
    w.close()


def test_l18_an_order_filled_beyond_its_size_is_found(url: str) -> None:
    w = World(url=url, orders=True)
    w.record(pending("c1", "DAX"), pending("c2", "DAX"), fill("x1", "DAX", "1", "100", client_order_id="c1"))
    w.record(fill("x2", "DAX", "1", "100", client_order_id="c2"), fill("x3", "DAX", "0.5", client_order_id="c2"))
    assert only(told(w, "SELECT * FROM overfilled"), "client_order_id", "quantity", "executed") == [("c2", "1", "1.5")]
    w.close()


def test_l36_orders_whose_price_nobody_states(url: str) -> None:
    w = World(pending("c1", "DAX", "filled"), url=url, orders=True)
    w.record(pending("c2", "DAX", "filled", average_price="100"), pending("c3", "DAX", "canceled"))
    columns = ("client_order_id", "mark", "filled")
    assert only(told(w, "SELECT * FROM orders_without_price"), *columns) == [("c1", None, "0")]
    w.sees()
    for _ in range(3):
        w.passes(s=60)
        w.deals()
    assert only(told(w, "SELECT * FROM orders_without_price"), *columns) == [("c1", "no price", "0")]
    w.close()


def test_l26_orphans_now_and_over_time(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(on_orphan_order="quarantine"))
    w.sees(row("DAX", "1"))
    w.lists(order_row("OIL", order_id="b9", limit="70"))
    assert only(told(w, "SELECT * FROM orphans"), "ref", "protects") == [("b9", None)]
    w.lists(
        order_row("OIL", order_id="b9", limit="70"), order_row("DAX", order_id="b1", type="stop", side="sell", stop="9")
    )
    rows = told(w, "SELECT o.*, b.state AS at FROM orphans AS o JOIN breaks AS b ON b.id = o.break_id ORDER BY ref")
    assert only(rows, "ref", "protects", "at") == [("b1", "DAX", "opened"), ("b9", None, "escalated")]
    w.lists(order_row("DAX", order_id="b1", type="stop", side="sell", stop="9"))
    assert told(w, "SELECT * FROM orphans") == [], "the one is gone, the other adopted: it protects"
    rows = told(w, "SELECT * FROM orphans_over_time")
    assert only(rows, "order_name", "symbol", "state", "lasted_ms") == [
        ("b1", "DAX", "corrected", 3_010),
        ("b9", "OIL", "cleared", 6_020),
    ]
    w.close()


def test_an_orphan_is_one_no_more_when_its_record_comes(url: str) -> None:
    """Nothing of the broker's changed in between: who an order is known to is said by the book."""
    w = World(url=url, orders=True)
    w.sees()
    w.lists(order_row("OIL", name="c1", order_id="b9", limit="70"))
    assert only(told(w, "SELECT * FROM orphans"), "client_order_id") == [("c1",)]
    w.record(pending("c1", "OIL", type="limit", limit="70"))
    assert told(w, "SELECT * FROM orphans") == []
    assert only(told(w, "SELECT * FROM broker_orders"), "known_as") == [("c1",)]
    w.close()


def test_l23_a_word_that_decides_nothing_is_shown_on_the_brokers_side(url: str) -> None:
    w = World(url=url, orders=True)
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="90", order_id="b1"))
    w.lists(order_row("DAX", name="c1", order_id="b1", limit="90"))
    assert only(told(w, "SELECT * FROM broker_orders"), "status") == [("accepted",)]
    assert w.lists(order_row("DAX", "pending_cancel", name="c1", order_id="b1", limit="90")) == []
    assert only(told(w, "SELECT * FROM broker_orders"), "status") == [("pending_cancel",)]
    assert only(told(w, "SELECT * FROM orders"), "status") == [("accepted",)]
    w.close()


def test_what_an_orphan_protects_is_the_engines_word_however_many_positions_there_are(url: str) -> None:
    w = World(url=url, orders=True, mode="hedging")
    w.sees(*(row(symbol, "1", ticket=f"{n}{symbol}") for n in range(3) for symbol in ("DAX", "OIL", "GOLD")))
    w.record(held("TIN", "1", ticket="8"))  # the book alone has it
    rows = [
        order_row(symbol, order_id=f"{n}{symbol}{ticket}", type="stop", side=side, stop="9", ticket=ticket, quantity=n)
        for symbol in ("DAX", "OIL", "TIN")
        for n in (1, 2)
        for side in ("sell",)
        for ticket in (None, "1DAX", "2OIL", "7")
    ]
    w.lists(*rows)
    found = order_sides.orphans(w.state)
    assert {ref: protects for ref, (_, protects, _) in found.items()} == {
        order_ref(one): guarded(w.state, one) for one in rows
    }
    assert {protects for _, protects, _ in found.values()} == {None, "#0DAX", "#1DAX", "#0OIL", "#2OIL", "#8"}
    w.close()


def test_an_open_break_of_an_order_stands_where_the_fold_has_it(url: str) -> None:
    """Escalated, and then the broker says something else: what its claim is worth now is the fold's word."""
    w = World(url=url, orders=True, policy=Policy.guarded())
    w.record(pending("c1", "DAX", "accepted", type="limit", limit="90", order_id="b1"))
    w.passes(s=60)
    states = []
    for limit in ("91", "91", "92", "92"):
        w.lists(order_row("DAX", name="c1", order_id="b1", limit=limit))
        (known,) = w.state.order_breaks["c1"]
        states += only(told(w, "SELECT * FROM breaks WHERE is_open = 1"), "state", "broker")
        assert states[-1] == (known.state, limit)
    assert states[:2] == [("opened", "91"), ("escalated", "91")]
    w.close()


# -- killed in between, and what nobody knows yet ----------------------------------------------------------


def test_law_11_orders_and_actions_do_not_depend_on_which_page_an_event_came_on(tmp_path: Path) -> None:
    w = Accounts(f"sqlite:///{tmp_path}/store.db")
    dice = random.Random(3)
    words = ("order", "orders", "complete", "complete", "changed", "act", "act", "look up", "order filled")
    w.play([Step(dice.choice(words), "sim:net", dice.randrange(4), dice.randrange(-3, 4)) for _ in range(80)])
    w.do(Step("restart", "sim:net", 0, 0))
    w.close()
    found: list[object] = []
    for events in (1, 2, 7, 4_000):
        with Views.open(w.url, tmp_path / f"{events}.db", page_events=events) as views:
            views.catch_up()
        found.append(content(views.path))
    assert all(one == found[0] for one in found)
    assert ask(views.path, "SELECT count(*) > 0 FROM actions WHERE sent_position IS NOT NULL") == [(1,)]


def test_law_11_read_models_that_are_begun_anew_after_each_event_of_an_action(url: str, tmp_path: Path) -> None:
    """What an answer settled belongs to the pass that sent it, also for a process that has seen neither."""
    w = World(url=url, orders=True)
    w.sees(row("DAX", "1"))
    w.says("close", target="DAX", at_broker="yes")
    w.sees(row("DAX", "1"))
    w.sends(w.actions()[0].client_id)
    for _ in w.journal():
        with Views.open(url, page_events=1) as views:
            assert views.catch_up(stop=OnePage()) == 1
    with Views.open(url, tmp_path / "anew.db") as anew:
        anew.catch_up()
    assert content(views.path) == content(anew.path)
    assert ask(views.path, "SELECT state FROM actions") == [("done",)]
    w.close()


def test_an_order_that_the_fold_forgets_leaves_the_table_and_not_its_steps(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.reconciliation.draft.ENDED_ORDERS_MAX", 2)
    w = World(url=url, orders=True)
    for n in range(7):
        w.record(pending(f"c{n}", "DAX"), pending(f"c{n}", "DAX", "canceled"))
        if n == 3:
            assert len(told(w, "SELECT * FROM orders")) == 4
    names = only(told(w, "SELECT * FROM orders ORDER BY client_order_id"), "client_order_id")
    assert names == [("c4",), ("c5",), ("c6",)]
    assert told(w, "SELECT count(*) AS n FROM order_steps") == [{"n": 14}]
    w.ledger.close()


def test_an_amount_is_exact_where_a_float_would_not_be(url: str) -> None:
    w = World(url=url, orders=True)
    tiny = "0.000000000000000003"
    w.record(pending("c1", "BTC", quantity="0.3", limit="97123.10", type="limit"))
    w.record(fill("x1", "BTC", "0.1", client_order_id="c1"), fill("x2", "BTC", "0.2", client_order_id="c1"))
    w.record(pending("c2", "BTC", quantity="0.3"), fill("x3", "BTC", "0.3", client_order_id="c2"))
    w.record(fill("x4", "BTC", tiny, client_order_id="c2"))
    rows = told(w, "SELECT * FROM orders ORDER BY client_order_id")
    assert only(rows, "filled", "overfilled", "limit") == [
        ("0.3", 0, "97123.1"), ("0.300000000000000003", 1, None)
    ]  # fmt: skip
    assert Decimal(rows[1]["executed"]) - Decimal(rows[1]["quantity"]) == Decimal(tiny)
    w.close()
