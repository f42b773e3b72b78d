"""Does an explanation hold the whole chain: asked, answered, changed, the rules, what was weighed, what else fits?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, deal, fill, held, pending, row
from telling.stories import MadePast, last_break, last_correction, past_of, rule, weighed
from trueup import Policy, PushedExecution
from trueup.decisions import BreakMoved, Step
from trueup.errors import InputError
from trueup.facts import Observed
from trueup.model import Refusal
from trueup.telling import Target, explain, facts_of
from trueup.telling.chain import at
from trueup.telling.sentences import lines

Worlds = Callable[..., World]


def test_a_ghost_is_told_from_the_first_question_to_the_last(world: Worlds) -> None:
    w = world(held("GBPUSD", "-0.2", price="1.271", stop="1.3"), held("EURUSD", "1"), held("USDJPY", "1"))
    rest = (row("EURUSD", "1"), row("USDJPY", "1"))
    w.sees(row("GBPUSD", "-0.2", price="1.271", stop="1.3"), *rest)
    w.sees(*rest)
    w.fails("no answer within 10 s")
    w.sees_part(rest[0])
    w.sees(*rest)
    told = last_correction(w)
    subject = told.subject
    assert (subject.what, subject.kind, subject.state, subject.key) == ("correction", "ghost", "corrected", "GBPUSD")
    assert (subject.before, subject.after) == ("short 0.2 at 1.271, stop 1.3, owned by external", None)
    assert subject.exit_reason == "CLOSED_EXTERNALLY"
    assert (subject.book, subject.broker) == ("short 0.2", None)
    assert told.verdict == subject.why
    assert "do not list GBPUSD" in told.verdict
    assert [one.says for one in told.observations] == ["does not list it", "does not list it"]
    assert {one.raw for one in told.observations} == {"present"}
    assert [one.took_ms for one in told.observations] == [10, 10]
    assert [one.what for one in told.changes] == ["the process recorded GBPUSD: short 0.2"]
    assert weighed(told, "ghost first seen") == [("counted", "first seen; 2 independent answers decide")]
    uncounted = weighed(told, "the answer at")
    assert [finding for finding, _ in uncounted] == ["not counted"] * 2
    assert "brought nothing (no answer within 10 s)" in uncounted[0][1]
    assert "partial (one page of several) and does not mention" in uncounted[1][1]
    assert weighed(told, "settled?")[0][0] == "passed"
    assert weighed(told, "mass absence?") == [("passed", "1 of 3 positions missing, not more than 0.5 of them")]
    assert rule(told, "confirmations") == ("2", "default")
    assert rule(told, "lag_ms_max.positions") == ("2000", "adapter")
    assert told.causes[0].cause == "unexplained"
    assert any("confirmations = 3" in one for one in told.would_change)
    assert any("lists GBPUSD" in one for one in told.would_change)


def test_an_answer_that_came_too_soon_is_named_with_the_time_that_was_missing(world: Worlds) -> None:
    w = world(held("GBPUSD", "1"), held("EURUSD", "1"), held("USDJPY", "1"))
    rest = (row("EURUSD", "1"), row("USDJPY", "1"))
    w.sees(*rest)
    w.sees(*rest, step_ms=1_500)
    w.sees(*rest, step_ms=1_500)
    told = last_correction(w)
    ((finding, why),) = weighed(told, "the answer at")
    assert finding == "not counted"
    assert "was asked 1.5 s after the answer at 6 had arrived" in why
    assert "at least 2 s are needed" in why


def test_many_answers_that_moved_nothing_are_counted_instead_of_listed(world: Worlds) -> None:
    w = world(held("GBPUSD", "1"), held("EURUSD", "1"), held("USDJPY", "1"))
    rest = (row("EURUSD", "1"), row("USDJPY", "1"))
    w.sees(*rest)
    w.fails(times=23)
    w.sees(*rest)
    told = last_correction(w)
    assert len(weighed(told, "the answer at")) == 20
    assert weighed(told, "3 more answers") == [("not counted", "for reasons like these")]


def test_a_missed_fill_is_its_own_cause(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", client_order_id="c1"))
    w.deals()
    w.deals(deal("x1", "EURUSD", "1", client_order_id="c1"), deal("x2", "EURUSD", "-0.4", client_order_id="c9"))
    told = last_correction(w)
    assert (told.subject.kind, told.subject.before, told.subject.after) == (
        "missed-fill", "long 1 at 1, owned by external", "long 0.6 at 1, owned by external",
    )  # fmt: skip
    assert (told.causes[0].cause, told.causes[0].executions) == ("partial_close", ("x2",))
    assert [one.says for one in told.observations] == ["lists 1 executions on EURUSD: x2"], (
        "what was known is not kept again"
    )
    assert told.observations[0].raw == "none"
    assert rule(told, "inferred_s_max") == ("300", "default")
    assert any("a record of that execution" in one for one in told.would_change)
    assert not weighed(told, "settled?")


def test_a_missed_fill_that_closes_leaves_nothing(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"))
    w.ledger.push(PushedExecution(fill=fill("x2", "EURUSD", "-1")))
    told = last_correction(w)
    assert told.subject.after is None
    assert told.observations == (), "a pushed execution was no answer"
    assert (told.causes[0].cause, told.causes[0].strength) == ("missed_fill", "possible")
    assert "the broker pushed execution x2: sold 1 EURUSD at 1" in [one.what for one in told.changes]


def test_many_executions_on_one_answer_are_counted(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.deals(*(deal(f"y{n}", "EURUSD", "1") for n in range(7)), deal("z1", "USDJPY", "1"))
    past = past_of(w)
    adopted = [n for n, event in past.events() if type(event).__name__ == "FillAdopted"]
    told = explain(past, Target("correction", "", adopted[0]))
    assert told.observations[0].says == "lists 7 executions on EURUSD: y0, y1, y2, y3, y4 and 2 more"


def test_a_wrong_close_names_its_undoing_and_the_other_way_round(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), held("USDJPY", "1"), held("AUDUSD", "1"))
    others = (row("USDJPY", "1"), row("AUDUSD", "1"))
    w.sees(*others, times=2)
    closed = last_correction(w)
    w.sees(row("EURUSD", "2"), *others, times=2)
    restored = last_correction(w)
    assert restored.subject.compensates == closed.subject.id
    past = past_of(w)
    again = explain(past, Target("correction", closed.subject.id, closed.subject.position))
    assert again.subject.undone_by == restored.subject.id
    said = [line for _, under in lines(again) for line in under]
    assert f"correction {restored.subject.id} undid it: it was wrong" in said
    assert f"it undid correction {closed.subject.id}" in [line for _, under in lines(restored) for line in under]
    assert weighed(restored, "does a repair hold?")[0][0] == "passed"


def test_a_break_that_a_human_decides(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), policy=Policy.guarded())
    w.sees(row("EURUSD", "5"), times=2)
    told = last_break(w)
    assert (told.subject.what, told.subject.state, told.subject.fields) == ("break", "escalated", ("quantity",))
    assert (told.subject.book, told.subject.broker) == ("quantity 2", "quantity 5")
    assert rule(told, "on_drift") == ("quarantine", "preset")
    assert rule(told, "witnesses") == ("2", "fixed")
    assert "drift of EURUSD escalated (book quantity 2, broker quantity 5)" in told.verdict
    assert any("a correcting policy" in one for one in told.would_change)
    why = "policy guarded: on_drift = quarantine, a human decides"
    assert weighed(told, "drift of quantity escalated") == [("counted", why)]
    assert weighed(told, "drift of quantity confirmed") == [("counted", "2 independent answers said the very same")]


def test_as_many_answers_as_are_told_are_all_told(world: Worlds) -> None:
    w = world(held("GBPUSD", "1"), held("EURUSD", "1"), held("USDJPY", "1"))
    rest = (row("EURUSD", "1"), row("USDJPY", "1"))
    w.sees(*rest)
    w.fails(times=20)
    w.sees(*rest)
    told = last_correction(w)
    assert len(weighed(told, "the answer at")) == 20
    assert not weighed(told, "more answers")


def test_how_many_answers_decide_depends_on_the_kind(world: Worlds) -> None:
    policy = Policy.adopt(confirmations=3)
    w = world(held("GBPUSD", "1"), held("EURUSD", "1"), held("USDJPY", "1"), policy=policy)
    w.sees(row("EURUSD", "1"), row("USDJPY", "9"), times=2)
    drift = last_correction(w)
    assert drift.subject.symbol == "USDJPY"
    w.sees(row("EURUSD", "1"), row("USDJPY", "9"))
    ghost = last_correction(w)
    assert any("before 3 complete ones had not" in one for one in ghost.would_change)
    assert any("confirmations = 4" in one for one in ghost.would_change)
    w.sees(row("EURUSD", "5"), row("USDJPY", "9"))
    assert any(one.startswith("2 independent, settled answers") for one in last_break(w).would_change)


def test_a_break_that_is_open_and_one_that_cleared(world: Worlds) -> None:
    w = world(held("EURUSD", "2", stop="1"), policy=Policy.adopt(confirm_interval_ms=700))
    w.sees(row("EURUSD", "2", stop="1.5"))
    told = last_break(w)
    assert told.subject.state == "opened"
    assert any("they would decide it" in one for one in told.would_change)
    assert rule(told, "confirm_interval_ms") == ("700", "changed")
    assert told.causes[0].why.startswith("the quantities agree and stop differs")
    assert told.worth is None, "no quantity differs"
    w.sees(row("EURUSD", "2", stop="1"))
    cleared = last_break(w)
    assert (cleared.subject.state, cleared.subject.why) == ("cleared", "the two sides agree again")
    assert len(cleared.would_change) == 3


def test_an_unsettled_key_waits_and_the_reason_is_told(world: Worlds) -> None:
    w = world()
    w.record(pending("c1", "EURUSD"), held("EURUSD", "4"))
    w.sees(row("EURUSD", "5"))
    told = last_break(w)
    assert weighed(told, "first seen") == [("waited", "order c1 on EURUSD is in flight")]
    assert weighed(told, "settled?") == [("waited", "order c1 on EURUSD is in flight")]
    assert "the process recorded order c1: buy 1 EURUSD, pending" in [one.what for one in told.changes]
    assert (told.causes[0].cause, told.causes[0].orders) == ("missed_fill", ("c1",))
    w.sees(row("EURUSD", "5"))
    w.record(pending("c1", "EURUSD", "filled"))
    w.sees(row("EURUSD", "5"), times=2)
    corrected = last_correction(w)
    assert any("still unsettled" in why for _, why in weighed(corrected, "the answer at"))


def test_a_key_that_the_book_never_touched_is_settled(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"), row("USDJPY", "3"), times=2)
    told = last_correction(w)
    assert told.subject.kind == "recovery"
    assert "the book never changed it" in weighed(told, "settled?")[0][1]
    assert told.changes == ()
    assert told.observations[0].says == "lists it: long 3"
    assert not weighed(told, "mass absence?")


def test_a_mass_absence_that_was_held_and_acknowledged(world: Worlds) -> None:
    w = world(*(held(name, "1") for name in ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")))
    w.sees(times=2)
    held_back = last_break(w)
    assert weighed(held_back, "mass absence?")[0] == ("held", "4 of 4 positions missing, more than 0.5 of them")
    assert weighed(held_back, "mass absence held")[0][0] == "held"
    w.says("ack", what="mass-absence")
    w.sees()
    told = last_correction(w)
    assert weighed(told, "mass absence acknowledged")[0][0] == "passed"
    assert "acknowledged as gone; besides 0 of 4" in weighed(told, "mass absence?")[0][1]
    assert told.subject.symbol == "USDJPY"


def test_a_mass_absence_that_ended_by_itself(world: Worlds) -> None:
    names = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    w = world(*(held(name, "1") for name in names))
    w.sees(row("AUDUSD", "1"))
    w.sees(*(row(name, "1") for name in names[:3]), times=2)
    told = last_correction(w)
    assert told.subject.symbol == "USDJPY"
    assert [finding for finding, _ in weighed(told, "mass absence released")] == ["passed"]


def test_rules_of_one_symbol_are_told_where_somebody_set_them(world: Worlds) -> None:
    policy = Policy.adopt(
        quantity_tolerance={"EURUSD": "0.10"}, dust={"*": "0.001"}, lag_ms_max={"positions": 900}, settle_ms=4_000
    )
    w = world(held("EURUSD", "1"), policy=policy)
    w.passes(s=9)
    w.sees(row("EURUSD", "2"), times=2)
    told = last_correction(w)
    assert rule(told, "quantity_tolerance.EURUSD") == ("0.1", "changed")
    assert rule(told, "dust.*") == ("0.001", "changed")
    assert rule(told, "lag_ms_max.positions") == ("900", "changed")
    assert rule(told, "settle_ms") == ("4000", "changed")
    meanings = {one.name: one.meaning for one in told.rules}
    assert meanings["settle_ms"] == "between the book's last change and the asking, at least"
    assert not [one for one in told.rules if one.name.startswith("price_tolerance")]
    assert told.policy.startswith("adopt (")
    assert told.policy.endswith("in force since 2")


def test_several_fields_are_one_correction(world: Worlds) -> None:
    w = world(held("EURUSD", "1", stop="1"))
    w.sees(row("EURUSD", "-2", stop=None), times=2)
    told = last_correction(w)
    assert told.subject.fields == ("quantity", "side", "stop")
    assert told.subject.book == "quantity 1, side long, stop 1"
    assert len(told.subject.breaks) == 3
    assert told.subject.after == "short 2, stop none, owned by external"


def test_hedging_an_entry_without_a_ticket_keeps_its_history(world: Worlds) -> None:
    w = world(fill("x1", "EURUSD", "1", client_order_id="c1", order_id="7"), mode="hedging")
    w.record(held("EURUSD", "5", ticket="9"))
    w.sees(row("EURUSD", "1", ticket="7"), row("EURUSD", "5", ticket="9"))
    w.sees(row("EURUSD", "2", ticket="7"), row("EURUSD", "5", ticket="9"), times=2)
    told = last_correction(w)
    what = [one.what for one in told.changes]
    assert any("is ticket 7" in one for one in what)
    assert "the process recorded fill x1: bought 1 EURUSD at 1" in what
    assert not any("#9" in one for one in what), "another ticket of the symbol"


def test_a_baseline_and_a_refused_record_are_told(world: Worlds) -> None:
    w = world()
    w.sees(row("EURUSD", "1"))
    w.deals()
    w.deals(deal("x1", "EURUSD", "1"))
    w.record(fill("x1", "EURUSD", "3"), fill("y1", "USDJPY", "3"))
    w.passes(s=400)
    w.sees(row("EURUSD", "5"), row("USDJPY", "3"), times=2)
    told = last_correction(w)
    what = [one.what for one in told.changes]
    assert what[0] == "taken over as the baseline"
    assert any("fill x1 did not change the book" in one for one in what)
    assert weighed(told, "cause: execution x1") == [("rejected", "the book had counted it")]


def test_raw_replies_that_are_gone_are_missing(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"), times=2)
    digest = next(event.raw_digest for event in w.observations())
    past = past_of(w, (digest,))
    target = Target("correction", "", last_correction(w).subject.position)
    told = explain(past, target)
    assert [one.raw for one in told.observations] == ["missing", "missing"]
    text = "\n".join(line for _, under in lines(told) for line in under)
    assert "the reply is not kept any more" in text


def test_refused_rows_and_partial_answers_are_told(world: Worlds) -> None:
    w = world(held("EURUSD", "1"), held("USDJPY", "1"))
    for _ in range(2):
        w.sees_part(row("EURUSD", "2"), refused=[Refusal(2, "its volume is NaN", "USDJPY")])
    told = last_correction(w)
    text = "\n".join(line for _, under in lines(told) for line in under)
    assert "partial (one page of several): lists it: long 2; 1 rows refused" in text


def test_a_break_of_which_the_journal_lacks_the_beginning_is_told_from_where_it_begins(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "1"))
    events = [one.event for one in w.journal()]
    asked = next(at for at, event in enumerate(events, start=1) if isinstance(event, Observed))
    step = Step("b1", "drift", "stop", "escalated", "1", "2", 2, "a human decides")
    move = BreakMoved(asked, events[asked - 1].at.at_ns, b"", "position", "EURUSD", "EURUSD", None, (step,), (asked,))
    told = explain(MadePast([*events, move]), Target("break", "b1", len(events) + 1))
    assert told.subject.state == "escalated"


def test_surfaces_of_other_kinds_are_named(world: Worlds) -> None:
    w = world(held("EURUSD", "1"))
    w.sees(row("EURUSD", "2"))
    events = [one.event for one in w.journal()]
    asked = next(event for event in events if isinstance(event, Observed))
    other = Observed(
        asked.at, asked.asked, 0, 0, "balances", "scripted", "", "complete", "", 1, "periodic", 1, b"", None
    )
    step = Step("b1", "drift", "stop", "opened", "1", "2", 1, "first seen")
    move = BreakMoved(len(events) + 1, asked.at.at_ns, b"", "position", "EURUSD", "EURUSD", None, (step,), ())
    told = explain(MadePast([*events, other, move]), Target("break", "b1", len(events) + 2))
    assert [one.says for one in told.observations] == ["was asked about balances"]


def test_what_is_no_break_is_refused(world: Worlds) -> None:
    past = past_of(world(held("EURUSD", "1")))
    with pytest.raises(InputError, match="neither a correction nor a step"):
        explain(past, Target("event", "", 1))
    with pytest.raises(InputError, match="neither a correction nor a step"):
        explain(past, Target("break", "b1", 1))
    assert facts_of(past, Target("break", "b1", 1)) is None
    with pytest.raises(InputError, match="there is no event 99"):
        at(past, 99)


def test_what_an_operator_decided_names_the_operator(world: Worlds) -> None:
    w = world(held("EURUSD", "2"), policy=Policy.guarded())
    w.sees(row("EURUSD", "2"), row("XAUUSD", "3"), times=2)
    w.says("adopt", target="XAUUSD", why="mine")
    told = last_correction(w)
    assert told.subject.kind == "recovery"
    assert weighed(told, "an operator's word") == [("counted", "ada said adopt: mine")]
    assert weighed(told, "recovery corrected")
    assert "no word of an operator: on_recovery = quarantine leaves it to a human" in told.would_change
