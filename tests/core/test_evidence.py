"""Are two answers two witnesses, and is a proof bounded?"""

from __future__ import annotations

import pytest

from trueup.evidence import PROOF_MAX, Sightings, again, independent, once
from trueup.model import Moment


def tick(n: int, epoch: int = 1) -> Moment:
    return Moment(1_000 + n, n, epoch)


@pytest.mark.parametrize(
    ("asked", "witness"),
    [
        (tick(149), False),
        (tick(150), True),
        (tick(100), False),
        (tick(90), False),
        (tick(151), True),
        (Moment(0, 150, 1), True),
        (Moment(10**9, 149, 1), False),
        (Moment(1_149, 0, 2), False),
        (Moment(1_150, 0, 2), True),
        (Moment(0, 50, 2), True),
        (Moment(0, 49, 2), False),
    ],
)
def test_a_new_witness_was_asked_far_enough_after_the_last_had_arrived(asked: Moment, witness: bool) -> None:
    seen = Sightings(1, tick(80), tick(100), (7,))
    assert independent(seen, asked, spacing_ns=50) is witness


def test_without_any_spacing_the_answer_must_still_have_arrived() -> None:
    seen = once(7, tick(80), tick(100))
    assert not independent(seen, tick(99), spacing_ns=0)
    assert independent(seen, tick(100), spacing_ns=0)


def test_sightings_remember_the_first_question_and_the_last_answer() -> None:
    seen = once(7, tick(80), tick(100))
    assert seen == Sightings(1, tick(80), tick(100), (7,))
    assert again(seen, 9, tick(200)) == Sightings(2, tick(80), tick(200), (7, 9))


def test_a_proof_names_the_first_answer_and_the_latest() -> None:
    seen = once(1, tick(0), tick(1))
    for position in range(2, 30):
        seen = again(seen, position, tick(position))
        assert len(seen.proof) <= PROOF_MAX
    assert seen.count == 29
    assert seen.proof == (1, *range(23, 30))
