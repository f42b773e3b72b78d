"""Law 7 inside one process: when our own store fails, do state, gate and journal still tell one story?"""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws.oracle import replay
from laws.profiles import tried
from laws.steps import ANY, HONEST, Step, play
from laws.stores import ListJournal, Trouble
from laws.test_values import MODES, NAMED
from laws.world import World
from trueup.changes import Fill, PushedState
from trueup.errors import JournalError
from trueup.gate import GateRefusal, Intent
from trueup.reconciliation.saved import save
from trueup.storage import rehydrate

TROUBLES: st.SearchStrategy[Trouble] = st.sampled_from(["refused", "unsure"])
BUY = Intent(symbol="AUD", side="buy", quantity=1)
FILL = Fill(execution_id="x", symbol="AUD", side="buy", quantity=1, price="1.1")


@tried(120)
@given(before=HONEST, trouble=TROUBLES, after=ANY, mode=MODES, named_by=NAMED)
def test_law_7_a_failed_append_decides_nothing_and_a_later_one_goes_on(
    before: list[Step], trouble: Trouble, after: list[Step], mode, named_by
) -> None:
    world = play(World(mode, named_by=named_by), before)
    ledger, journal = world.ledger, world.journal
    world.clock.advance(1)
    state, stored = ledger.state, len(journal.stored)
    journal.troubles.append(trouble)
    with pytest.raises(JournalError):
        ledger.record(FILL)
    assert ledger.state is state  # nothing was decided as far as we could tell
    assert (len(journal.stored) > stored) == (trouble == "unsure")
    assert ledger.failure is not None
    refusal = ledger.gate.check(BUY)
    assert isinstance(refusal, GateRefusal)
    assert "journal" in refusal.reason
    assert ledger.gate.check(Intent(symbol="AUD", side="buy", quantity=1, kind="cancel")) is None

    held = ledger.state.held("AUD")
    ledger.record(FILL)  # the process tries again, and it counts once
    ledger.push(PushedState(surface="positions"))
    assert ledger.failure is None
    answer = ledger.gate.check(BUY)  # closed until the book is verified again, no longer for want of a journal
    assert isinstance(answer, GateRefusal)
    assert "cannot be written" not in answer.reason
    if mode == "netting":
        now = ledger.state.held("AUD")
        moved = _quantity(now) - _quantity(held)
        assert moved in (0, 1)  # 0: a correction had inferred it already
    assert save(ledger.state) == save(_refolded(journal))
    play(world, after)
    journal.troubles.clear()
    world.look(1)
    assert save(world.ledger.state) == save(_refolded(journal))
    assert replay(journal.account, journal.stored).differences == ()


def _quantity(holding) -> Decimal:
    return Decimal() if holding is None else holding.signed_quantity


def _refolded(journal: ListJournal):
    journal.snapshots.clear()
    return rehydrate(journal.account, journal)


@tried(60)
@given(steps=ANY, mode=MODES)
def test_law_7_an_input_and_all_it_caused_land_in_one_transaction(steps: list[Step], mode) -> None:
    world = play(World(mode), steps)
    ends = set(world.journal.appends)
    causes = {one.position: getattr(one.event, "cause", 0) for one in world.journal.read()}
    for position, cause in causes.items():
        if cause:
            assert not any(cause <= end < position for end in ends), "a decision was stored apart from its input"


def test_law_7_an_observation_that_was_stored_although_it_seemed_to_fail_is_the_base_of_the_next() -> None:
    world = World(baseline=False)
    world.look(1)
    world.move("AUD", Decimal(1), None)
    world.journal.troubles.append("unsure")
    world.look(1)  # stored as the difference to the answer before; its acknowledgement was lost
    assert world.refused_appends == 1
    world.move("BTC", Decimal(2), None)
    world.look(3)
    assert world.book() == world.owed() == {"AUD": Decimal(1), "BTC": Decimal(2)}
    assert save(world.ledger.state) == save(_refolded(world.journal))
