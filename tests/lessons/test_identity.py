"""Are positions told apart, and numbers kept exact, whatever a broker calls them? (L28 to L47)"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest

from lessons.world import World, deal, fill, held, row
from trueup import BadNumber, Fill, InputError, Instrument, Policy, PolicyError, PositionSet
from trueup.decisions import FillAdopted
from trueup.model import BrokerPosition, Refusal, Stop
from trueup.ports import Answer
from trueup.reconciliation.identity import correction_id

Worlds = Callable[..., World]

LEGS = 29


def legs(symbol: str = "XAUUSD") -> list[BrokerPosition]:
    """29 hedged legs in one symbol, long and short in turn, of different sizes."""
    return [row(symbol, f"{'-' if n % 2 else ''}0.{n:02}", ticket=str(1000 + n), price="2000") for n in range(1, 30)]


def test_l28_an_unchanged_short_is_no_drift(world: Worlds) -> None:
    """One side said −1, the other "short 1", and the unchanged position drifted at every poll. Inside there is one
    sign convention; the side of a record is its sign."""
    w = world(PositionSet(symbol="EURUSD", side="short", quantity="1", price="1.05"))
    assert w.sees(row("EURUSD", "-1", price="1.05"), times=20)[1:] == []
    assert w.book == {"EURUSD": "-1"}
    assert w.steps() == []
    w.record(Fill(execution_id="x1", symbol="USDJPY", side="sell", quantity=1, price=1))
    assert w.book["USDJPY"] == "-1"


def test_l29_two_tickets_in_one_symbol_are_two_positions(world: Worlds) -> None:
    """The second ticket overwrote the first, the net flapped, and each poll made one synthetic order."""
    w = world(mode="hedging")
    two = [row("EURUSD", "1", ticket="1"), row("EURUSD", "2", ticket="2")]
    w.sees(*two)
    assert w.book == {"#1": "1", "#2": "2"}
    assert w.sees(*reversed(two), times=10) == []


def test_l29_l31_29_hedged_legs_are_compared_leg_by_leg(world: Worlds) -> None:
    """29 legs in one symbol, long against short, are a real account. One of them changes, one vanishes, one appears:
    these three are corrected and no other leg is touched."""
    w = world(mode="hedging", baseline=False)
    w.record(*(held("XAUUSD", str(one.signed_quantity), ticket=one.ticket, price="2000") for one in legs()))
    assert len(w.book) == LEGS
    assert w.sees(*legs(), times=3)[1:] == []
    seen = [*legs()[2:], row("XAUUSD", "-0.11", ticket="1002", price="2000"), row("XAUUSD", "7", ticket="2000")]
    w.sees(*seen, times=2)
    assert {one.kind for one in w.corrections()} == {"recovery", "ghost", "drift"}
    assert len(w.corrections()) == 3
    assert w.book == {
        **{f"#{one.ticket}": format(one.signed_quantity.normalize(), "f") for one in legs()[2:]},
        "#1002": "-0.11",
        "#2000": "7",
    }


@pytest.mark.parametrize("via", ["fill", "position", "deal"])
def test_l30_closing_one_ticket_closes_one_ticket(world: Worlds, via: str) -> None:
    """One ticket was closed, and the whole symbol was set flat. 29 legs are closed one by one, by our own fill, by our
    own whole position, or by the broker's deal; after each exactly that one is gone."""
    w = world(mode="hedging")
    source = legs()
    if via == "position":
        w.record(*(held("XAUUSD", str(one.signed_quantity), ticket=one.ticket) for one in source))
    else:
        w.record(*(fill(f"in{one.ticket}", "XAUUSD", str(one.signed_quantity), ticket=one.ticket) for one in source))
    w.deals()
    left = {f"#{one.ticket}" for one in source}
    assert set(w.book) == left
    for one in source:
        out = str(-one.signed_quantity)
        if via == "fill":
            w.record(fill(f"out{one.ticket}", "XAUUSD", out, ticket=one.ticket))
        elif via == "position":
            w.record(PositionSet(symbol="XAUUSD", side="long", quantity=0, ticket=one.ticket))
        else:
            w.deals(deal(f"out{one.ticket}", "XAUUSD", out, ticket=one.ticket))
        left.discard(f"#{one.ticket}")
        assert set(w.book) == left
    assert w.book == {}


def test_l30_one_vanished_leg_of_29_is_one_ghost(world: Worlds) -> None:
    """The same from the other side: a leg that the broker no longer lists closes that leg."""
    w = world(*(held("XAUUSD", str(one.signed_quantity), ticket=one.ticket) for one in legs()), mode="hedging")
    remaining = legs()
    for _ in range(5):
        gone = remaining.pop(3)
        w.sees(*remaining, times=2)
        assert f"#{gone.ticket}" not in w.book
        assert len(w.book) == len(remaining)
    assert [one.kind for one in w.corrections()] == ["ghost"] * 5


def test_l31_equal_and_opposite_legs_are_not_nothing(world: Worlds) -> None:
    """A long and a short of the same size netted to zero: "no positions". They are two; each may be missing alone."""
    w = world(mode="hedging")
    w.sees(row("EURUSD", "1", ticket="1"), row("EURUSD", "-1", ticket="2"))
    assert w.book == {"#1": "1", "#2": "-1"}
    w.sees(row("EURUSD", "-1", ticket="2"), times=2)
    assert w.book == {"#2": "-1"}


def test_l32_accounts_do_not_overwrite_each_other(world: Worlds) -> None:
    """Reports without the account overwrote each other. Two accounts in one store, with the same symbols and tickets:
    neither sees the other's events, and no id is the same."""
    one = world(held("EURUSD", "1"), account="mt5:5001", url="memory://two-accounts")
    two = world(held("EURUSD", "5"), account="mt5:5002", url="memory://two-accounts")
    for w in (one, two):
        w.sees(row("EURUSD", "2"), times=2)
    assert one.book == two.book == {"EURUSD": "2"}
    assert one.state.held("EURUSD") == two.state.held("EURUSD")
    assert one.corrections()[0].id != two.corrections()[0].id
    slot = one.state.slot("EURUSD")
    same = correction_id(one.state, "EURUSD", slot, None)
    assert same == correction_id(one.state, "EURUSD", slot, None)
    assert same != correction_id(two.state, "EURUSD", slot, None)


BTC = {"BTCUSD": {"aliases": ("BTC/USD", "BTCUSD.m")}}


def test_l33_spellings_of_one_symbol_are_one_symbol(world: Worlds) -> None:
    """`BTC/USD` here, `BTCUSD` there, `BTCUSD.m` at the broker: with the aliases in the policy they are one, and the
    broker's own spelling is kept."""
    w = world(held("BTC/USD", "1"), policy=Policy.adopt(instruments=BTC))
    w.sees(row("BTCUSD.m", "1"), times=3)
    assert w.book == {"BTCUSD": "1"}
    assert w.steps() == []
    assert w.state.view().rows["BTCUSD"].spelling == "BTCUSD.m"
    w.record(fill("x1", "BTC/USD", "1"))
    assert w.book == {"BTCUSD": "1"}, "set-sourced, under whatever spelling"


def test_l33_ambiguity_is_refused(world: Worlds) -> None:
    """Two rows that are spellings of one symbol: choosing one would be inventing. Both are refused, the answer is
    partial, the symbol may only be reduced; and a policy that maps one spelling to two symbols is none."""
    w = world(held("BTCUSD", "1"), policy=Policy.adopt(instruments=BTC))
    rows = [row("BTC/USD", "1"), row("BTCUSD", "2"), row("EURUSD", "1"), row("BTCUSD.m", "3")]
    answer = Answer(completeness="complete", positions={one.symbol: one for one in rows})
    for _ in range(3):
        w.answered(answer)
    assert w.book == {"BTCUSD": "1", "EURUSD": "1"}
    assert w.observations()[-1].completeness == "partial"
    assert len(w.observations()[-1].refused) == 3
    assert "BTCUSD" in dict(w.state.gate.symbols)
    with pytest.raises(PolicyError, match="alias of both A and B"):
        Policy.adopt(instruments={"A": {"aliases": ("X",)}, "B": {"aliases": ("X",)}})


def test_l34_a_quantity_in_another_unit_is_refused(world: Worlds) -> None:
    """Contracts were read as coins. A row that states its unit must state the instrument's."""
    policy = Policy.adopt(instruments={"BTC-PERP": {"unit": "coins"}, "ETH-PERP": {"contract_size": "10"}})
    w = world(held("BTC-PERP", "1"), policy=policy)
    w.sees(row("BTC-PERP", "100", unit="contracts"), row("ETH-PERP", "1", unit="contracts"), times=3)
    assert w.book == {"BTC-PERP": "1", "ETH-PERP": "1"}
    assert "contracts" in w.observations()[-1].refused[0].why
    w.sees(row("BTC-PERP", "2", unit="coins"), row("ETH-PERP", "1"), times=2)
    assert w.book == {"BTC-PERP": "2", "ETH-PERP": "1"}


def test_l35_fractions_stay_exact(world: Worlds) -> None:
    """`int(Decimal)` made half a share nothing, and money went through floats. Sums are exact even when the embedding
    process has set its decimal context to a handful of digits."""
    w = world()
    with localcontext(prec=4):
        w.record(fill("x1", "AAPL", "0.100000001"), fill("x2", "AAPL", "0.200000002"), fill("x3", "AAPL", "1234567"))
        assert w.book == {"AAPL": "1234567.300000003"}
        w.sees(row("AAPL", "1234567.300000003"))
        assert w.steps() == []
        w.sees(row("AAPL", "1234567.300000004"), times=2)
    assert [one.kind for one in w.corrections()] == ["drift"]
    with pytest.raises(BadNumber, match="float"):
        Fill(execution_id="x4", symbol="AAPL", side="buy", quantity=0.1, price="1")  # type: ignore[arg-type]


def test_l36_a_price_that_is_missing_stays_missing(world: Worlds) -> None:
    """A missing price became 0.0 and poisoned the P&L. It stays unknown, through adoption and through averaging, is no
    drift, and gives way to a real price when one comes."""
    w = world()
    w.sees(row("EURUSD", "1"))
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert holding.price is None
    w.passes(s=400)
    w.record(fill("x1", "EURUSD", "1", "1.2"))
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert (holding.signed_quantity, holding.price) == (2, None)
    assert w.sees(row("EURUSD", "2", price="1.1")) == []
    w.sees(row("EURUSD", "3", price="1.15"), times=2)
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert str(holding.price) == "1.15"


def test_l36_a_reported_price_of_none_is_not_zero(world: Worlds) -> None:
    """An execution without a price leaves the average unknown rather than halved."""
    w = world(fill("x1", "EURUSD", "1", "1.1"))
    w.deals()
    w.deals(deal("x2", "EURUSD", "1", None))
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert holding.price is None
    adopted = [one for one in w.events(FillAdopted) if isinstance(one, FillAdopted)]
    assert adopted[0].execution.price is None


def test_l37_dust_and_lot_steps_are_no_positions(world: Worlds) -> None:
    """Fees taken in the base asset shrank the holding, and dust stayed for ever. Within the tolerance it is agreement;
    below one lot step, or at most `dust`, it is nothing, on either side."""
    instruments = {"ETHUSD": Instrument(lot_step=Decimal("0.01"))}
    policy = Policy.adopt(quantity_tolerance={"BTCUSD": "0.002"}, dust={"*": "0.001"}, instruments=instruments)
    w = world(held("BTCUSD", "1"), held("DOGE", "0.001"), policy=policy)
    w.sees(row("BTCUSD", "0.998"), row("ETHUSD", "0.009"), row("SHIB", "-0.001"), times=6)
    assert w.book == {"BTCUSD": "1", "DOGE": "0.001"}
    assert w.steps() == []
    assert w.ledger.gate.status == "open"
    w.sees(row("BTCUSD", "0.997"), row("ETHUSD", "0.01"), row("SHIB", "-0.0011"), times=2)
    assert w.book == {"BTCUSD": "0.997", "DOGE": "0.001", "ETHUSD": "0.01", "SHIB": "-0.0011"}


def test_l37_dust_is_no_part_of_a_baseline(world: Worlds) -> None:
    """Nor is it taken over at the start."""
    w = world(policy=Policy.adopt(dust={"EURUSD": "0.5"}))
    w.sees(row("EURUSD", "0.5"), row("USDJPY", "0.5"))
    assert w.book == {"USDJPY": "0.5"}


def test_l38_one_alert_until_it_is_materially_worse(world: Worlds) -> None:
    """A fixed tolerance of one cent met a drift of two: an alert at every poll, for ever. Here a person is told once,
    and again only when it is at least twice as far off."""
    w = world(held("EURUSD", "1", price="100.00"), policy=Policy.guarded())
    w.sees(row("EURUSD", "1", price="100.02"), times=30)
    assert len(w.alerts()) == 1
    w.sees(row("EURUSD", "1", price="100.03"), times=10)
    assert len(w.alerts()) == 1, "half as far again is not materially worse"
    w.sees(row("EURUSD", "1", price="100.04"), times=10)
    assert len(w.alerts()) == 2
    w.sees(row("EURUSD", "1", price="100.06"), times=10)
    assert len(w.alerts()) == 2, "worse is measured against what was told last"
    assert w.corrections() == []


def test_l38_a_position_nobody_knew_is_told_again_when_it_grows_or_turns(world: Worlds) -> None:
    """The same for a whole position that the book lacks: other sizes are no news, twice the size is, and so is the
    other side."""
    w = world(policy=Policy.guarded(), baseline=False)
    for quantity, alerts in (("1", 1), ("1.5", 1), ("0.1", 1), ("2", 2), ("-2", 3), ("-3", 3), ("-4", 4)):
        w.sees(row("EURUSD", quantity), times=4)
        assert len(w.alerts()) == alerts, quantity
    assert w.book == {}


def test_l42_one_bad_row_does_not_cost_the_others(world: Worlds) -> None:
    """One row of an unknown kind made a client library throw the whole list away. The others are processed; the bad
    row's symbol may only be reduced, and why stands in the journal."""
    w = world(held("EURUSD", "1"), held("USDJPY", "1"), held("GBPUSD", "1"))
    bad = Refusal(2, "its kind is unknown: 'spread'", symbol="USDJPY")
    w.sees_part(row("EURUSD", "2"), row("GBPUSD", "1"), refused=[bad], times=2)
    assert w.book == {"EURUSD": "2", "GBPUSD": "1", "USDJPY": "1"}
    assert w.state.gate.symbols == (("USDJPY", "row 2 of the last answer was refused: its kind is unknown: 'spread'"),)
    assert w.observations()[-1].refused == (bad,)
    w.sees_part(row("EURUSD", "2"), refused=[Refusal(2, "is no object")])
    assert w.ledger.gate.status == "reduce_only", "a row that names no symbol leaves every symbol in doubt"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "string", "", "1,5", "0x10", "-1", "1e19", "1e-19"])
def test_l43_numbers_that_no_market_has_are_refused(world: Worlds, number: str) -> None:
    """NaN, 1e400, words and negative sizes were accepted and travelled far. They are refused in the caller's own
    line, and nothing of them is recorded."""
    w = world()
    before = len(w.journal())
    with pytest.raises(BadNumber):
        w.record(Fill(execution_id="x1", symbol="EURUSD", side="buy", quantity=number, price=1))
    with pytest.raises(BadNumber):
        w.record(PositionSet(symbol="EURUSD", side="long", quantity=number))
    assert len(w.journal()) == before


def test_l45_identifiers_are_text(world: Worlds) -> None:
    """Tickets beyond 2^63 exist, and so do rows without a symbol that are no positions at all."""
    ticket = str(2**63 + 12345)
    w = world(held("EURUSD", "1", ticket=ticket), mode="hedging")
    assert w.sees(row("EURUSD", "1", ticket=ticket), times=2)[1:] == []
    w.record(fill("9" * 40, "EURUSD", "1", ticket=ticket))
    assert w.book == {f"#{ticket}": "1"}
    for nameless in ("", " ", " EURUSD", "EUR\nUSD", "E" * 129):
        with pytest.raises(InputError, match="symbol"):
            held(nameless, "1")


def test_l46_the_brokers_clock_orders_nothing(world: Worlds) -> None:
    """The broker's times carried an offset. A row whose opening time is restated in another zone is the same row, and
    a fill stamped earlier than the one before it counts no less."""
    w = world(held("EURUSD", "1"))
    for stamp in ("2026-01-01T00:00:00", "2026-01-01T03:00:00+03:00", "1704153600", None):
        assert [one for one in w.sees(row("EURUSD", "1", opened_at=stamp)) if not hasattr(one, "symbols")] == []
    w = world(fill("x1", "EURUSD", "1"))
    w.deals()
    w.deals(deal("x2", "EURUSD", "1", happened_at="2026-01-01T03:00:00"), deal("x3", "EURUSD", "1", happened_at="?"))
    w.deals(deal("x4", "EURUSD", "1", happened_at="2025-12-31T21:00:00+00:00"))
    assert w.book == {"EURUSD": "4"}


def test_l54_a_price_that_differs_is_a_drift(world: Worlds) -> None:
    """The average price differed at an equal quantity, and that was only logged. It is a drift like any other; so is a
    stop. What a side does not report is not compared."""
    w = world(held("EURUSD", "1", price="1.0543", stop="1.01"), held("USDJPY", "1"))
    w.sees(row("EURUSD", "1", price="1.0544", stop="1.02"), row("USDJPY", "1", price="150", stop="149"), times=2)
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert (str(holding.price), holding.stop) == ("1.0544", Stop(Decimal("1.02")))
    assert len(w.corrections()) == 1
    assert "price 1.0543 -> 1.0544, stop 1.01 -> 1.02" in w.corrections()[0].why
    w.sees(row("EURUSD", "1", price="1.0544", stop=None), row("USDJPY", "1"), times=2)
    holding = w.state.held("EURUSD")
    assert holding is not None
    assert holding.stop == Stop(None), "the broker says that there is no stop"
