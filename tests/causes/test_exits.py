"""Which proposals are good enough to become the stored reason of a close, and in which words is the rest set aside?"""

from __future__ import annotations

import pytest

from causes.world import SEEN, deal, facts, held, row
from trueup.causes import examine, exit_reason, propose


def test_l40_a_likely_cause_is_a_reason_and_a_possible_one_is_not() -> None:
    likely = facts(held("1"), row(None), deals=(deal("d1", "-1", ours=False, order_id="o9"),))
    (best, *_) = propose(likely)
    assert (best.cause, best.strength, best.ambiguous) == ("manual_trade", "likely", False)
    found = exit_reason(likely)
    assert (found.reason, found.why, found.evidence) == ("CLOSED_BY_HAND", best.why, best.positions)


@pytest.mark.parametrize(("late_s", "why"), [(300, None), (301, "301"), (1234, "1234")])
def test_l55_what_was_first_heard_of_too_late_says_by_how_much(late_s: int, why: str | None) -> None:
    asked = facts(held("1"), row(None), deals=(deal("d1", "-1", at=SEEN + late_s, ours=False, order_id="o9"),))
    said = [one.why for one in examine(asked).rejected if one.what == "execution d1"]
    wanted = f"it was first heard of {why} s after the break, more than the 300 s that count"
    assert said == ([] if why is None else [wanted])
