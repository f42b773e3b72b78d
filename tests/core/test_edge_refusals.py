"""Is a row that cannot be used told so that a person finds it in the broker's answer, in every field?"""

from __future__ import annotations

from collections.abc import Callable

from lessons.world import World, row
from trueup import Policy
from trueup.edge import canonical_rows
from trueup.model import Refusal
from trueup.ports import Answer

Worlds = Callable[..., World]
POLICY = Policy.adopt(instruments={"BTCUSD": {"aliases": ("BTC/USD", "XBTUSD"), "unit": "coins"}})
SPELT = "XBTUSD and another row are both spellings of BTCUSD"


def test_l33_two_spellings_of_one_symbol_are_refused_both_with_their_place_symbol_and_ticket() -> None:
    rows = {
        "EURUSD": row("EURUSD", "1"),
        "BTC/USD": row("BTC/USD", "1", unit="coins", ticket="6"),
        "XBTUSD": row("XBTUSD", "2", unit="coins", ticket="7"),
    }
    found, refused = canonical_rows(rows, "netting", POLICY)
    assert sorted(found) == ["EURUSD"]
    assert refused == [Refusal(3, SPELT, "BTCUSD", "7"), Refusal(3, SPELT, "BTCUSD", "6")]


def test_l34_a_quantity_in_another_unit_is_refused_with_its_place_symbol_and_ticket() -> None:
    rows = {"EURUSD": row("EURUSD", "1"), "BTC/USD": row("BTC/USD", "1", unit="contracts", ticket="9")}
    found, refused = canonical_rows(rows, "netting", POLICY)
    assert sorted(found) == ["EURUSD"]
    why = "its quantity is in contracts, the instrument's in coins: nothing is converted silently"
    assert refused == [Refusal(2, why, "BTCUSD", "9")]


def test_a_row_that_breaks_the_contract_is_refused_with_its_place_symbol_and_ticket() -> None:
    rows = {"EURUSD": row("EURUSD", "1"), "GBPUSD": row("GBPUSD", "NaN", ticket="8")}
    _, (refused,) = canonical_rows(rows, "netting", POLICY)
    assert (refused.row, refused.symbol, refused.ticket) == (2, "GBPUSD", "8")
    assert refused.why.startswith("its quantity is NaN")


def test_a_row_that_breaks_the_contract_names_symbol_and_ticket_without_instruments_too(world: Worlds) -> None:
    """It has no place there: only what changed is looked at, and rows are a mapping by then."""
    w = world()
    w.answered(Answer(completeness="complete", positions={"GBPUSD": row("GBPUSD", "NaN", ticket="8")}))
    (refused,) = w.observations()[-1].refused
    assert (refused.row, refused.symbol, refused.ticket) == (0, "GBPUSD", "8")
    assert refused.why.startswith("its quantity is NaN")
