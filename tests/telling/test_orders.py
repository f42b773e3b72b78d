"""Are orders told too: what answers said of them, what was weighed, and as evidence for what happened to positions?"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from lessons.world import World, deal, fill, held, order_row, pending, row
from telling.stories import MadePast, last_break, last_correction, past_of, rule, weighed
from trueup import OrderUpdate, Policy
from trueup.decisions import ActionRequested, BreakMoved, FillAdopted, Step
from trueup.facts import ActionAnswered, Observed
from trueup.model import BrokerOrder, OrderStatus
from trueup.ports import Answer, Question
from trueup.telling import Explanation, Target, explain, facts_of, find, timeline
from trueup.telling.history import History
from trueup.telling.sentences import lines

Worlds = Callable[..., World]


def lists(w: World, *rows: BrokerOrder, complete: bool = True) -> None:
    """The broker lists its working orders."""
    why = "" if complete else "one page of several"
    kind = "complete" if complete else "partial"
    w.answered(Answer(completeness=kind, why=why, orders=rows, raw=b"{}"), surface="open_orders")  # type: ignore[arg-type]


def looks_up(w: World, name: str, *rows: BrokerOrder) -> None:
    """The broker is asked for one order by its client id."""
    question = Question(surface="order", client_order_id=name)
    w.answered(Answer(completeness="complete", orders=rows), surface="order", question=question)


def last_of_order(w: World) -> Explanation:
    """The latest correction of an order, explained."""
    past = past_of(w)
    made = [at for at, one in past.events() if isinstance(one, BreakMoved) and one.order_correction is not None]
    (target,) = find(f"@{made[-1]}", past.events())
    return explain(past, target)


def test_an_order_that_the_broker_has_otherwise(world: Worlds) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1.1", quantity=2, order_id="o1"))
    row_of = {"name": "c1", "order_id": "o1", "quantity": 2, "limit": "1.2"}
    lists(w, order_row("EURUSD", **row_of))
    opened = last_break(w)
    assert (opened.subject.of, opened.subject.state, opened.subject.fields) == ("order", "opened", ("limit",))
    assert "drift of order c1 on EURUSD opened (book limit 1.1, broker limit 1.2)" in opened.verdict
    lists(w, order_row("EURUSD", **row_of))
    told = last_of_order(w)
    subject = told.subject
    assert (subject.what, subject.of, subject.kind, subject.state) == ("correction", "order", "drift", "corrected")
    assert subject.before == "buy 2 limit at 1.1, accepted, filled 0"
    assert subject.after == "buy 2 limit at 1.2, accepted, filled 0"
    assert (told.causes, told.worth) == ((), None)
    assert [one.says for one in told.observations] == ["states it: buy 2 limit at 1.2, accepted"] * 2
    assert weighed(told, "drift of limit first seen")[0][0] == "counted"
    assert rule(told, "on_drift") == ("correct", "default")
    assert rule(told, "lag_ms_max.open_orders") == ("2000", "adapter")
    assert any("as the book holds it" in one for one in told.would_change)
    headings = dict(lines(told))
    assert headings["Why it came to differ"] == ("causes are sought for positions only",)
    assert any("order c1 on EURUSD, at" in line for under in headings.values() for line in under)
    assert facts_of(past_of(w), Target("correction", subject.id, subject.position)) is None
    (found,) = find(subject.id, past_of(w).events())
    assert found.text == "drift order c1 on EURUSD"


def test_an_order_that_nobody_finds(world: Worlds) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD"))
    w.passes(s=90)
    w.deals()
    looks_up(w, "c9")
    looks_up(w, "c1")
    w.deals()
    looks_up(w, "c1")
    told = last_of_order(w)
    assert told.subject.kind == "ghost"
    assert [one.says for one in told.observations] == ["does not find it", "does not find it"]
    assert rule(told, "action_queue_s_max") == ("60", "default")
    assert any("a look-up by its id" in one for one in told.would_change)
    assert told.subject.undone_by is None
    assert "the process recorded order c1: buy 1 EURUSD, pending" in [one.what for one in told.changes]


def test_an_order_that_the_book_lacks(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), orders=True)
    for _ in range(2):
        lists(w, order_row("EURUSD", order_id="o7", side="sell", limit="1.3", filled="0"))
    told = last_break(w)
    assert (told.subject.kind, told.subject.key, told.subject.ticket) == ("recovery", "@o7", "o7")
    assert [one.says for one in told.observations] == ["states it: sell 1 limit at 1.3, accepted, filled 0"] * 2
    assert rule(told, "on_orphan_order") == ("quarantine", "default")
    assert any("nobody's orphan" in one for one in told.would_change)
    assert not [line for _, under in lines(told) for line in under if line.startswith("before:")]


def test_evidence_about_other_orders_says_nothing_of_this_one(world: Worlds) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1.1", order_id="o1"))
    lists(w, order_row("EURUSD", order_id="o2", limit="1.5"), complete=False)
    events = [one.event for one in w.journal()]
    asked = next(at for at, one in enumerate(events, start=1) if isinstance(one, Observed))
    step = Step("b1", "drift", "limit", "opened", "1", "2", 0, "first seen")
    move = BreakMoved(asked, 0, b"", "order", "c1", "EURUSD", "c1", (step,), (asked,))
    told = explain(MadePast([*events, move]), Target("break", "b1", len(events) + 1))
    assert [one.says for one in told.observations] == ["says nothing of it"]


def test_what_answers_about_orders_say_of_one(world: Worlds) -> None:
    w = world(orders=True)
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1.1", order_id="o1"))
    mine = order_row("EURUSD", name="c1", order_id="o1", limit="1.1")
    other = order_row("EURUSD", order_id="o2", limit="1.5")
    lists(w, mine)
    lists(w, mine, other)
    lists(w, other, complete=False)
    lists(w, other)
    lists(w, mine, complete=False)
    looks_up(w, "c1", mine)
    looks_up(w, "c2")
    w.answered(Answer(completeness="complete"), surface="order", question=Question(surface="order", order_id="o1"))
    history = History("c1", "EURUSD", "order")
    history.take((one.position, one.event) for one in w.journal())
    said = [(one.row is not None, one.mentions) for one in history.orders.answers]
    assert said == [
        (True, True), (True, True), (False, False), (False, True), (True, True), (True, True), (False, False),
        (False, True),
    ]  # fmt: skip


def test_an_order_at_the_broker_is_evidence_for_a_position(world: Worlds) -> None:
    """A stop order of nobody's, and then a deal that names it: the stop was hit."""
    w = world(held("EURUSD", "1"), orders=True)
    w.sees(row("EURUSD", "1"))
    lists(w, order_row("EURUSD", order_id="o7", side="sell", type="stop", stop="0.9"))
    w.deals()
    w.record(fill("x9", "USDJPY", "1", client_order_id="c9"))
    w.sees(times=5)
    w.sees()
    w.deals(deal("d1", "EURUSD", "-1", "0.89", order_id="o7"))
    past = past_of(w)
    ghost = next(at for at, one in past.events() if isinstance(one, BreakMoved) and one.correction is not None)
    told = explain(past, Target("correction", "", ghost))
    assert (told.causes[0].cause, told.causes[0].strength) == ("stop_hit", "certain")
    assert "executed order o7, a stop order" in told.causes[0].why


def test_an_order_that_was_sent_after_the_break_was_seen_is_not_its_reason(world: Worlds) -> None:
    """L14: what is sent afterwards cannot have filled before."""
    w = world(held("EURUSD", "1.5"))
    w.sees(row("EURUSD", "2.5"))
    w.record(pending("c1", "EURUSD"))
    assert last_break(w).causes[0].cause == "unexplained"


def test_what_is_known_of_an_order_grows(world: Worlds) -> None:
    w = world(orders=True)
    w.record(
        OrderUpdate(client_order_id="c1", symbol="EURUSD", side="buy", type="limit", quantity=3, status="accepted")
    )
    lists(w, order_row("EURUSD", "partially_filled", name="c1", order_id="o1", quantity=3, filled="1"))
    lists(w, order_row("EURUSD", "accepted", name="c1", order_id="o1", quantity=3))
    history = History("EURUSD", "EURUSD")
    history.take((one.position, one.event) for one in w.journal())
    (seen,) = history.orders_as_of(99)
    assert (seen.order.filled, seen.order.order_id, seen.ours, seen.sent_position) == (Decimal(1), "o1", True, 0)


def test_orders_on_other_symbols_are_not_kept_and_of_many_the_latest(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.telling.orders_heard.ORDERS_MAX", 2)
    w = world(orders=True)
    for n in range(3):
        w.record(pending(f"c{n}", "EURUSD"), pending(f"d{n}", "USDJPY"))
    lists(w, order_row("USDJPY", name="d1", order_id="o1"), order_row("USDJPY", order_id="o2"))
    history = History("EURUSD", "EURUSD")
    history.take((one.position, one.event) for one in w.journal())
    assert [one.order.client_order_id for one in history.orders_as_of(99)] == ["c1", "c2"]
    assert not any("USDJPY" in one.what for one in history.changes)


def test_what_trueup_itself_asked_for_is_told_and_is_ours(world: Worlds) -> None:
    policy = Policy.adopt(on_orphan_order="cancel")
    w = world(held("USDJPY", "1"), held("EURUSD", "1"), policy=policy, orders=True)
    for _ in range(2):
        lists(w, order_row("EURUSD", order_id="o7", limit="1.3"))
    asked = next(one for one in w.events(ActionRequested) if isinstance(one, ActionRequested))
    answered = ActionAnswered(w.state.at, asked.client_id, "acknowledged", order_id="o8")
    events = [*(one.event for one in w.journal()), answered]
    history = History("EURUSD", "EURUSD")
    history.take(enumerate(events, start=1))
    said = [one.what for one in history.changes]
    assert any(f"trueup asked the broker to cancel, as {asked.client_id}" in one for one in said)
    assert f"action {asked.client_id}: acknowledged" in said
    for more in ({"order_id": "o8"}, {"client_order_id": asked.client_id}):
        assert history.orders.is_ours(deal("d1", "EURUSD", "1", **more))
    assert history.orders.is_ours(deal("d1", "EURUSD", "1", order_id="o99")) is None
    history.take([(99, ActionAnswered(w.state.at, asked.client_id, "rejected"))])
    history.take([(99, ActionAnswered(w.state.at, "somebody-elses", "acknowledged", order_id="o5"))])
    assert history.orders.is_ours(deal("d1", "EURUSD", "1")) is None, "an answer without an order names none"
    assert history.orders.is_ours(deal("d1", "EURUSD", "1", order_id="o5")) is None
    elsewhere = History("USDJPY", "USDJPY")
    elsewhere.take(enumerate(events, start=1))
    assert not [one for one in elsewhere.changes if "action" in one.what or "asked the broker" in one.what]


def test_an_order_is_no_leg_of_the_timeline_and_its_breaks_are_marked(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), orders=True)
    lists(w, order_row("EURUSD", order_id="o7", limit="1.3"))
    w.record(pending("c1", "EURUSD", "accepted", type="limit", limit="1.1", order_id="o1"))
    for _ in range(2):
        lists(w, order_row("EURUSD", name="c1", order_id="o1", limit="1.4"))
    past = past_of(w)
    found = timeline(past.state(0), past.events(), "EURUSD")
    assert [leg.key for leg in found.legs] == ["EURUSD"]
    texts = [(one.kind, one.key) for one in found.marks]
    assert texts == [("opened", None), ("opened", None), ("cleared", None), ("correction", None)]
    assert "recovery opened on order o7 on EURUSD" in found.marks[0].text


def test_a_late_fill_reopens_an_order_and_is_told(world: Worlds) -> None:
    """L17: terminal is not final where fills are concerned."""
    w = world(orders=True)
    w.record(pending("c1", "EURUSD"))
    w.record(pending("c1", "EURUSD", "canceled"))
    w.record(fill("x1", "EURUSD", "1", client_order_id="c1"))
    told = last_of_order(w)
    assert told.subject.compensates == "end"
    assert told.observations == ()
    assert OrderStatus.FILLED.value in (told.subject.after or "")
    assert last_of_order(w).subject.kind == "drift"


def test_a_missed_fill_of_an_order_is_explained_beside_it(world: Worlds) -> None:
    w = world(fill("x0", "EURUSD", "1"), orders=True)
    w.record(pending("c1", "EURUSD"))
    w.deals()
    w.deals(deal("x1", "EURUSD", "1", client_order_id="c1"))
    adopted = [one.position for one in w.journal() if isinstance(one.event, FillAdopted)]
    assert adopted
    assert last_correction(w).causes[0].strength == "certain"
