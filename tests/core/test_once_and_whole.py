"""Does what was inferred give way to the fill that a list of fills brings, and does what a person adopts undo the wrong
close? (L02, L14)"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lessons.world import World, deal, fill, held, row
from trueup import Policy
from trueup.decisions import FillAdopted, RecordRefused
from trueup.model import plain

Worlds = Callable[..., World]


@pytest.mark.parametrize(("later_s", "book"), [(0, "2"), (290, "2"), (310, "3")])
def test_l14_a_missed_fill_from_a_list_gives_what_was_inferred_its_name_and_adds_nothing(
    world: Worlds, later_s: int, book: str
) -> None:
    """Within `inferred_s_max` (300); what comes later is another one."""
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.sees(row("EURUSD", "1"))
    w.sees(row("EURUSD", "2"), times=2)
    assert w.book == {"EURUSD": "2"}
    w.passes(s=later_s)
    w.deals(deal("x9", "EURUSD", "1"))
    assert w.book == {"EURUSD": book}
    (adopted,) = w.events(FillAdopted)
    assert isinstance(adopted, FillAdopted)
    assert adopted.correction.after is not None
    assert plain(adopted.correction.after.signed_quantity) == book, "what is journalled is what is done"
    assert (plain(adopted.moved), bool(adopted.consumed)) == (("0", True) if book == "2" else ("1", False))


def test_l02_adopting_by_hand_what_was_closed_wrongly_undoes_that_close(world: Worlds) -> None:
    w = world(held("EURUSD", "2", strategy="trend"), held("GBPUSD", "1"), policy=Policy.adopt(on_recovery="alert"))
    w.sees(row("EURUSD", "2"), row("GBPUSD", "1"))
    w.sees(row("GBPUSD", "1"), times=3)
    (closed,) = w.corrections()
    assert (closed.kind, "EURUSD" in w.book) == ("ghost", False)
    w.sees(row("EURUSD", "2"), row("GBPUSD", "1"), times=2)
    w.says("adopt", target="EURUSD")
    back = w.corrections()[-1]
    assert (back.kind, back.compensates) == ("recovery", closed.id)
    assert w.owner("EURUSD") == "trend"


@pytest.mark.parametrize("mode", ["netting", "hedging"])
def test_l15_a_whole_position_that_contradicts_what_fills_made_is_refused_under_its_own_key(
    world: Worlds, mode: str
) -> None:
    w = world(fill("x1", "EURUSD", "1", ticket="7"), mode=mode)
    (refused,) = w.record(held("EURUSD", "2", ticket="7")).decisions
    assert isinstance(refused, RecordRefused)
    assert refused.what == "position EURUSD #7"
    assert "is moved by fills, which make it 1; the recorded quantity 2 was kept as history only" in refused.why
    assert list(w.book.values()) == ["1"]
    assert w.record(held("EURUSD", "1", ticket="7")).decisions == ()
