"""Has everything one name, however Alpaca spells it, and is what has no certain one refused?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from alpaca_broker.playing import FILLS, ORDERS, POSITIONS, play, whole
from trueup.errors import InputError
from trueup.testing.alpaca import Control
from trueup_adapters.alpaca import AlpacaBroker
from trueup_adapters.alpaca.cells import BadRow
from trueup_adapters.alpaca.symbols import NAMES_MAX, QUOTES, Symbols


def test_l33_a_pair_is_one_thing_in_positions_orders_and_fills() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("BTC/USD", "long", "0.5", price="60000")
        control.place("BTC/USD", "sell", "limit", "0.5", price="70000")
        (position,) = whole(await broker.ask(POSITIONS)).positions.values()
        (order,) = whole(await broker.ask(ORDERS)).orders
        (fill,) = whole(await broker.ask(FILLS)).executions
        assert {position.symbol, order.symbol, fill.symbol} == {"BTC/USD"}
        assert (position.spelling, order.spelling, position.unit) == ("BTCUSD", None, "coins")

    play(scenario)


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("BTCUSD", "BTC/USD"),
        ("USDTUSD", "USDT/USD"),
        ("BTCUSDT", "BTC/USDT"),
        ("ETHUSDC", "ETH/USDC"),
        ("ETHBTC", "ETH/BTC"),
        ("OPUSD", "OP/USD"),
        ("BTC/USD", "BTC/USD"),
    ],
)
def test_l33_the_rule_for_pairs(spelled: str, name: str) -> None:
    assert Symbols().name(spelled, "crypto") == (name, None if spelled == name else spelled)


def test_no_quote_ends_in_another_so_a_pair_splits_in_one_way_only() -> None:
    assert not [(a, b) for a in QUOTES for b in QUOTES if a != b and a.endswith(b)]


@pytest.mark.parametrize("spelled", ["BTCEUR", "USD"])
def test_l33_a_pair_that_the_rule_cannot_split_is_refused_until_somebody_says_what_it_is(spelled: str) -> None:
    with pytest.raises(BadRow, match="aliases"):
        Symbols().name(spelled, "crypto")
    assert Symbols({spelled: "X/Y"}).name(spelled, "crypto") == ("X/Y", spelled)


def test_l33_what_may_be_a_share_or_a_pair_is_not_guessed() -> None:
    symbols = Symbols()
    assert symbols.unsure("METH")
    assert not symbols.unsure("AAPL")
    assert not symbols.unsure("ME/TH")
    assert not symbols.unsure(None)
    with pytest.raises(BadRow, match="may be a share, or the pair M/ETH"):
        symbols.name("METH", None)
    symbols.learn("METH", "us_equity")
    assert symbols.name("METH", None) == ("METH", None)
    assert not symbols.unsure("METH")
    assert symbols.name("BTCUSD", "crypto") == symbols.name("BTCUSD", None)  # a class that was met is remembered


def test_l33_alpaca_is_asked_what_a_fill_was_in() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.forget(control.open("METH", "long", "2", price="20"))  # else its order would have said it
        assert [e.symbol for e in whole(await broker.ask(FILLS)).executions] == ["METH"]
        assert control.requests("GET", "/v2/assets/METH") == 1
        whole(await broker.ask(FILLS))
        assert control.requests("GET", "/v2/assets/METH") == 1

    play(scenario)


@pytest.mark.parametrize("kind", ["status", "garbage", "empty"])
def test_l33_what_alpaca_does_not_say_stays_refused(kind: str) -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.forget(control.open("METH", "long", "2", price="20"))
        control.misbehave(kind, on=("assets",))
        answer = await broker.ask(FILLS)
        assert (answer.completeness, list(answer.executions)) == ("partial", [])
        assert whole(await broker.ask(FILLS)).executions[0].signed_quantity == Decimal(2)

    play(scenario)


def test_l33_two_positions_of_one_name_are_both_refused() -> None:
    async def scenario(broker: AlpacaBroker, control: Control) -> None:
        control.open("BTC/USD", "long", "0.5", price="60000")
        control.open("XBTUSD", "long", "0.7", price="60000")
        control.open("AAPL", "long", "1", price="190")
        answer = await broker.ask(POSITIONS)
        assert (answer.completeness, list(answer.positions)) == ("partial", ["AAPL"])
        assert [r.symbol for r in answer.refused] == ["BTC/USD", "BTC/USD"]

    play(scenario, aliases={"XBTUSD": "BTC/USD"})


def test_l33_a_name_can_be_translated_further_and_what_has_none_is_refused() -> None:
    symbols = Symbols(canonical={"AAPL": "Apple", "BTC/USD": "Bitcoin"}.__getitem__)
    assert symbols.name("AAPL", "us_equity") == ("Apple", "AAPL")
    assert symbols.name("BTCUSD", "crypto") == ("Bitcoin", "BTCUSD")
    with pytest.raises(BadRow, match="no canonical name"):
        symbols.name("MSFT", "us_equity")
    assert not symbols.is_plain("MSFT")


def test_an_alias_of_an_alias_is_refused() -> None:
    with pytest.raises(InputError, match="itself an alias"):
        Symbols({"A": "B", "B": "C"})
    with pytest.raises(InputError, match="printable"):
        Symbols({"A": " "})
    assert Symbols({"A": "B", "B": "B"}).name("A", None) == ("B", "A")


def test_law_12_what_is_remembered_ends() -> None:
    symbols = Symbols()
    for number in range(NAMES_MAX + 10):
        symbols.name(f"S{number}", "us_equity")
        symbols.learn(f"T{number}", "us_equity")
    assert len(symbols._classes) == NAMES_MAX
