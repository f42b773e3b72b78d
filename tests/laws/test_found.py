"""Which histories did once break a law? Each as short as it could be made, and never to be broken again."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from laws.steps import Step, play
from laws.world import World, patient
from trueup.changes import Fill, PositionSet
from trueup.model import BrokerPosition


def test_law_3_l14_an_order_heard_of_only_after_its_correction_does_not_count_its_fill_twice() -> None:
    world = play(World(), [("trade", 0, (1,), "late"), ("answer", 0)])
    assert world.book() == {"AUD": Decimal(1)}  # taken from the broker, before any message came
    play(world, [("hear", 1, 1), ("hear", 0, 1)])  # the order first, then its fill
    assert world.book() == {"AUD": Decimal(1)}


def test_law_3_l14_a_fill_sent_after_the_question_is_never_taken_for_what_the_answer_showed() -> None:
    world = play(World(), [("trade", 0, (1,), "untracked"), ("answer", 0), ("trade", 0, (1,), "pending")])
    play(world, [("hear", 1, 1)])  # the second fill comes first
    assert world.book() == {"AUD": Decimal(2)}
    play(world, [("hear", 0, 1)])
    assert world.book() == {"AUD": Decimal(2)}


def hedging(*steps: Step) -> World:
    """A hedging account whose opening fills name the order that became the ticket, as MT5's do."""
    return play(World("hedging", named_by="order", baseline=False), steps)


OPEN: Step = ("trade", 0, (1,), "pending")
CLOSE: Step = ("close", 0, (1,), "pending")


def test_law_3_l30_a_closing_fill_with_a_ticket_finds_the_entry_that_has_none_yet() -> None:
    world = hedging(OPEN, OPEN, CLOSE)  # closed before any answer could bind it
    world.hear_all()
    assert world.meant() == world.owed() == {"#2": Decimal(1)}
    world.look(4)
    assert world.made == []


def test_law_3_a_pushed_fill_without_ticket_is_bound_before_the_baseline_is_taken() -> None:
    world = play(World("hedging", named_by="order"), [("trade", 0, (1,), "untracked"), ("pushed", 0), ("look", 4)])
    assert world.book() == world.owed() == {"#1": Decimal(1)}
    assert world.made == []


def test_law_3_likeness_proves_nothing_against_an_order_id() -> None:
    world = hedging(OPEN, OPEN, CLOSE, ("hear", 0, 1), ("answer", 0))  # #1 is closed, #2 looks just like it
    assert world.book() == {"?order/c1": Decimal(1)}
    world.hear_all()
    world.look(1)
    assert world.book() == world.owed() == {"#2": Decimal(1)}


def test_law_3_l14_a_fill_that_names_the_ticket_of_an_entry_closed_without_one_is_not_counted_twice() -> None:
    world = hedging(("trade", 0, (1,), "late"), ("close", 0, (1,), "late"), ("hear", 0, 1), ("look", 2))
    assert world.book() == {}  # closed as a ghost, before its closing fill was heard
    world.hear_all()
    assert world.meant() == world.owed()


def test_law_3_a_partial_answer_that_states_the_ticket_binds_by_order_id() -> None:
    world = hedging(OPEN, ("hear", 0, 1), ("wait", 5_000), ("partial", 0, 1), ("wait", 5_000), ("partial", 0, 1))
    assert world.book() == {"#1": Decimal(1)}
    assert world.made == []


def test_law_3_l14_an_adopted_ticket_and_its_own_entry_without_one_are_one_position() -> None:
    world = World("hedging", baseline=False)
    world.move("AUD", Decimal(3), "7")  # an order of ours, filled in three parts
    part = Fill(execution_id="a", symbol="AUD", side="buy", quantity=1, price="1.1", client_order_id="c")
    world.look(2)
    world.record(part)  # it names neither ticket nor order id: nobody can tell that it is #7
    world.record(replace(part, execution_id="b", ticket="7"))  # the second part tells
    assert world.book() == world.owed() == {"#7": Decimal(3)}
    world.record(replace(part, execution_id="c", ticket="7"))
    assert world.book() == world.owed()


def test_law_3_a_fill_still_on_its_way_when_deals_are_first_asked_for_is_not_lost_as_history() -> None:
    world = play(World(baseline=False), [OPEN, ("trade", 1, (2,), "pending"), ("deals", 0, True)])
    assert world.book() == {}  # the first answer on fills is history and moves nothing
    world.hear_all()
    assert world.book() == world.owed() == {"AUD": Decimal(1), "BTC": Decimal(2)}
    play(world, [("hear_again", 0), ("deals", 0, True)])
    assert world.book() == world.owed()


def test_law_3_what_was_history_long_before_moves_nothing_when_it_is_recorded() -> None:
    world = World(baseline=False, policy=patient(inferred_s_max=300))
    play(world, [OPEN, ("deals", 0, True), ("wait", 300_001)])
    world.hear_all()
    assert world.book() == {}
    world.look(2)
    assert world.book() == world.owed()


def test_law_2_l07_a_key_that_half_an_answer_cleared_is_judged_again_by_the_next_whole_one() -> None:
    world = World(baseline=False)
    world.record(PositionSet(symbol="BTC", side="long", quantity=3))
    world.move("BTC", Decimal(3), None)
    world.glitch("empty")  # opens a ghost, too early to count
    world.ask()
    world.answer(rows=1)  # half an answer states it: the ghost is cleared
    assert not world.ledger.state.breaks
    world.change("BTC", None)
    world.look(3)  # each as empty as the first whole one was
    assert world.book() == world.owed() == {}


def test_law_4_l12_side_and_quantity_are_one_claim_and_need_two_answers_that_agree_on_both() -> None:
    world = World(baseline=False)
    world.record(PositionSet(symbol="BTC", side="long", quantity=1))
    world.change("BTC", BrokerPosition("BTC", Decimal(-3)))
    world.look(1)
    world.change("BTC", BrokerPosition("BTC", Decimal(-2)))
    world.look(1)  # short as before, but two of it: seen once
    assert world.book() == {"BTC": Decimal(1)}
    world.look(1)
    assert world.book() == world.owed() == {"BTC": Decimal(-2)}
    world.change("BTC", BrokerPosition("BTC", Decimal(-1)))
    world.look(1)
    world.change("BTC", BrokerPosition("BTC", Decimal(1)))  # one as before, but long: seen once
    world.look(1)
    assert world.book() == {"BTC": Decimal(-2)}
    world.look(1)
    assert world.book() == world.owed()


def test_law_3_l14_a_sale_never_claims_what_was_inferred_bought() -> None:
    """Bought 2 and sold 1, both unheard; the correction saw 1. The sale is heard first."""
    world = play(World(baseline=False), [("trade", 0, (2, -1), "untracked"), ("look", 2)])
    assert world.book() == {"AUD": Decimal(1)}
    world.hear(1)
    assert world.book() == {}  # one inferred, one sold: the two bought are still to come
    world.hear(0)
    assert world.book() == world.owed() == {"AUD": Decimal(1)}
    assert world.ledger.state.book["AUD"].inferred == ()


def test_law_3_what_was_inferred_waits_for_its_fill_no_longer_than_the_policy_says() -> None:
    world = World(baseline=False, policy=patient(inferred_s_max=300))
    world.change("AUD", BrokerPosition("AUD", Decimal(1), price=Decimal("1.1")))  # somebody else's: no fill will come
    world.look(2)
    world.clock.advance(301_000)
    play(world, [("trade", 0, (1,), "untracked"), ("hear", 0, 1)])
    assert world.book() == world.owed() == {"AUD": Decimal(2)}
