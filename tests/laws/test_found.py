"""Which histories did once break a law? Each as short as it could be made, and never to be broken again."""

from __future__ import annotations

from decimal import Decimal

from laws.steps import play
from laws.world import World


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
