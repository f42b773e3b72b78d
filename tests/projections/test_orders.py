"""Do the tables say of orders, actions and stops what an investigator asks first?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lessons.world import World, deal, fill, order_row, pending, row
from projections.histories import SECOND, Clock, Step, scratch  # noqa: TID251 - our own folder
from projections.histories import World as Accounts  # noqa: TID251
from projections.orders_oracle import lives_are_those_of, orders_are_those_of  # noqa: TID251
from projections.tables import ask, content, dicts, faults  # noqa: TID251
from trueup import Policy
from trueup.asking import send_once
from trueup.journal import open_writer
from trueup.ledger import Claim, Ledger
from trueup.orders import order_ref
from trueup.passes import Passes
from trueup.policy import Protect
from trueup.reconciliation.orphans import guarded
from trueup.report import PassReport
from trueup.testing.broker import ALL_ACTIONS, ALL_SURFACES, SimulatedBroker
from trueup_projections import Views, order_sides


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


def told(w: World, question: str) -> list[dict[str, Any]]:
    """What the read models answer, brought up to date first; and they are what the journal makes them."""
    with Views.open(w.url, page_events=2) as views:
        views.catch_up()
        orders_are_those_of(w.state, views.path)
        lives_are_those_of(w.account, w.journal(), views.path)
        assert faults(views.path) == []
        return dicts(views.path, question)


def only(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(one[column] for column in columns) for one in rows]


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


def test_what_an_orphan_protects_is_the_engines_word_however_many_positions_there_are(url: str) -> None:
    w = World(url=url, orders=True, mode="hedging")
    w.sees(*(row(symbol, "1", ticket=f"{n}{symbol}") for n in range(3) for symbol in ("DAX", "OIL", "GOLD")))
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
    assert {protects for _, protects, _ in found.values()} == {None, "#0DAX", "#1DAX", "#0OIL", "#2OIL"}
    w.close()


# -- actions, stops, overrides, permits --------------------------------------------------------------------


def test_an_action_is_told_from_its_request_to_its_end(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(on_orphan_order="cancel"))
    w.sees()
    w.lists(order_row("OIL", order_id="b9", limit="70"), times=2)
    (asked,) = w.actions()
    question = "SELECT * FROM unsettled_actions"
    assert only(told(w, question), "client_id", "kind", "purpose", "state", "age_ms") == [
        (asked.client_id, "cancel", "cancel-orphan", "requested", 0)
    ]
    w.passes(s=2)
    w.sends(asked.client_id, "unknown", why="no answer within 10 s")
    w.looks_up(None, order_row("OIL", order_id="b9", limit="70"), order_id="b9", failure="no answer")
    (row_,) = told(w, question)
    assert (row_["state"], row_["answer"], row_["look_ups"], row_["age_ms"]) == ("unknown", "unknown", 1, 5_020)
    w.looks_up(None, order_row("OIL", "canceled", order_id="b9", limit="70"), order_id="b9")
    assert told(w, question) == []
    (over,) = told(w, "SELECT * FROM actions")
    assert (over["state"], over["is_open"], over["order_id"], over["answer_why"], over["look_ups"]) == (
        "done", 0, "b9", "no answer within 10 s", 2
    )  # fmt: skip
    assert over["why"] == "looked up: the order has ended, canceled"
    positions = [over[f"{name}_position"] for name in ("requested", "sent", "answered", "looked_up", "settled")]
    names = dict(ask(Path(url.removeprefix("sqlite:///") + ".views.db"), "SELECT position, name FROM audit"))
    assert [names[one] for one in positions] == [
        "action-requested/1", "action-sent/1", "action-answered/1", "observed/1", "action-moved/1"
    ]  # fmt: skip
    assert positions == sorted(positions)
    w.close()


def test_l21_a_crash_after_sending_leaves_the_action_unknown(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(on_orphan_order="cancel"))
    w.sees()
    w.lists(order_row("OIL", order_id="b9", limit="70"), times=2)
    w.sends(w.actions()[0].client_id, "crash")
    (one,) = told(w, "SELECT * FROM unsettled_actions")
    assert (one["state"], one["answer"]) == ("unknown", None)
    assert one["why"] == "the process that sent it ended before it heard what became of it"
    w.close()


def test_positions_without_a_stop_since_when_and_what_was_done(url: str) -> None:
    w = World(url=url, orders=True, policy=Policy.adopt(protect=Protect()))
    w.lists()
    w.sees(row("DAX", "1", price="100", stop=None))
    w.passes(s=10)
    w.lists()
    w.sees(row("DAX", "1", price="100", stop=None))
    (one,) = told(w, "SELECT * FROM unprotected_now")
    assert (one["symbol"], one["state"], one["attempts"]) == ("DAX", "placing", 1)
    since = told(w, "SELECT at, at_ns FROM protection ORDER BY position LIMIT 1")[0]
    now = told(w, "SELECT at_ns FROM accounts")[0]
    assert (one["since"], one["age_ms"]) == (since["at"], (now["at_ns"] - since["at_ns"]) // 1_000_000)
    assert one["age_ms"] > 10_000
    assert only(told(w, "SELECT * FROM unsettled_actions"), "kind", "stop", "purpose") == [
        ("place_stop", "98", "protect")
    ]
    w.passes(s=10)
    w.lists()
    w.sees(row("DAX", "1", price="100", stop="98"))
    assert told(w, "SELECT * FROM unprotected_now") == []
    assert only(told(w, "SELECT * FROM protection ORDER BY position"), "state")[-1] == ("protected",)
    w.passes(s=10)
    for _ in range(2):
        w.sees(row("DAX", "1", price="100", stop=None))
    (again,) = told(w, "SELECT * FROM unprotected_now")
    assert again["age_ms"] < one["age_ms"], "an earlier time without a stop is over and does not count"
    w.close()


def test_overrides_and_permits_are_told_with_who_and_for_how_long(url: str) -> None:
    w = World(url=url)
    w.sees(row("DAX", "1"))
    w.says("override", scope="DAX", seconds="60", who="kim", why="I know")
    w.passes(s=20)
    w.says("override", scope="DAX", end="yes", who="ada", why="done")
    w.says("override", scope="OIL", seconds="5", who="kim", why="once more")
    w.permit("DAX", "0.5", client_order_id="c7")
    w.passes(s=60)
    w.sees(row("DAX", "1"))
    rows = told(w, "SELECT * FROM overridden")
    assert only(rows, "scope", "who", "why", "lasted_ms")[-1] == ("DAX", "kim", "I know", 20_000)
    assert only(rows, "scope", "lasted_ms")[0] == ("OIL", 5_000)
    assert only(told(w, "SELECT * FROM permits"), "symbol", "side", "quantity", "client_order_id") == [
        ("DAX", "sell", "0.5", "c7")
    ]
    w.close()


# -- passes ------------------------------------------------------------------------------------------------


class Quick(Clock):
    """A clock on which waiting is at once over."""

    async def sleep(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND)


def unlucky(broker: SimulatedBroker, dice: random.Random) -> None:
    """Something happens at the broker."""
    working = [ref for ref, one in broker.orders.items() if one.status.value in ("accepted", "partially_filled")]
    match dice.randrange(9):
        case 0 if not broker.truth:
            broker.open("EURUSD", "long", "0.02", price="1.05")
        case 1 if broker.truth:
            broker.close_position(next(iter(broker.truth)))
        case 2 | 3:
            broker.place("EURUSD", "buy", "limit", "0.01", "1.01")
        case 4 if working:
            broker.cancel(dice.choice(working))
        case 5:
            broker.trouble(dice.choice(["failure", "stale", "empty", "bad_row", "garbage"]))
        case 6 | 7 if dice.random() < 0.6:
            broker.trouble_actions(dice.choice(["silence", "lost_ack", "refusal"]))
        case 7 if broker.truth:
            broker.set_stop(next(iter(broker.truth)), dice.choice([None, "1.01"]))
        case _:
            pass


def passes(url: str, seed: int) -> Iterator[PassReport]:
    """Passes of one account under a broker to which things happen; the reports."""
    dice, clock = random.Random(seed), Quick()
    broker = SimulatedBroker(position_mode="netting", surfaces=ALL_SURFACES, actions=ALL_ACTIONS)
    policy = Policy.adopt(
        confirm_interval_ms=0, retries_max=0, backoff_s=(), on_orphan_order="cancel",
        protect=Protect() if seed % 2 else None,
    )  # fmt: skip
    offered = broker.capabilities
    claim = Claim(
        policy=policy, position_mode="netting", source="simulated", lag_ms_max=offered.lag_ms_max,
        surfaces=offered.surfaces, actions=offered.actions, can_reduce_only=True,
    )  # fmt: skip
    ledger = Ledger(open_writer(url, "sim:1", durability="normal"), clock, claim)
    running = Passes(ledger, broker, clock)
    for n in range(20):
        for _ in range(2):
            unlucky(broker, dice)
        clock.ns += 20 * SECOND
        yield asyncio.run(running.run("periodic" if n else "startup"))
    ledger.close()


def test_the_status_of_a_pass_with_orders_and_actions_is_the_one_that_was_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trueup.passes.send_once", lambda broker, action, _: send_once(broker, action, 0.001))
    statuses: set[str] = set()
    waited = 0
    for seed in range(3):
        with scratch() as folder:
            url = f"sqlite:///{folder}/store.db"
            reports: list[PassReport] = []
            for one in passes(url, seed):
                reports.append(one)
                if len(reports) % 3 == 0:
                    with Views.open(url, page_events=3) as views:  # begun anew: what it needs is read back
                        views.catch_up()
            with Views.open(url) as views:
                views.catch_up()
            rows = dicts(views.path, "SELECT * FROM passes ORDER BY pass")
            assert only(rows, "pass", "status", "kind") == [(one.pass_number, one.status, one.kind) for one in reports]
            assert only(rows, "corrections") == [(len({c.id for c in one.corrections}),) for one in reports]
            settled = ("done", "failed", "abandoned")
            unsettled = [sum(row.state not in settled for row in one.actions) for one in reports]
            assert only(rows, "unsettled") == [(count,) for count in unsettled]
            assert faults(views.path) == []
            statuses |= {one.status for one in reports}
            waited += sum(unsettled)
    assert statuses == {"SUCCESS", "PARTIAL", "DEGRADED"}
    assert waited > 0, "no pass ended with an action that was not settled"


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
