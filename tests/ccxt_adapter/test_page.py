"""Do the examples on the how-to do what it says, with an exchange on loopback?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ccxt_adapter.harness import KEY, SECRET, bybit
from demo.pages import examples
from house.source import ROOT
from trueup import Policy, Reconciler
from trueup_adapters.ccxt import CcxtBroker

PAGE = ROOT / "docs" / "how-to" / "ccxt.md"


def test_the_first_example_true_ups_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    block, _ = examples(PAGE)[0]
    with bybit() as harness:
        harness.open("EURUSD", "long", "2", price="1.1")
        monkeypatch.setattr(CcxtBroker, "of", lambda name, config, **options: harness.broker)
        names: dict[str, Any] = {"KEY": KEY, "SECRET": SECRET}
        exec(compile(block.body, str(PAGE), "exec"), names)
    assert names["report"].status == "SUCCESS"
    assert {row.symbol for row in names["rec"].book.positions} == {"EURUSD"}


def test_the_other_examples_make_the_brokers_that_they_describe() -> None:
    made: list[CcxtBroker] = []

    class Noted(CcxtBroker):
        @classmethod
        def of(cls, name: str, config: Any, **options: Any) -> Any:
            made.append(CcxtBroker.of(name, config, **options))
            return made[-1]

    rest = examples(PAGE)[1:]
    for block, _ in rest:
        exec(compile(block.body, str(PAGE), "exec"), {"CcxtBroker": Noted})
    sources = [broker.capabilities.source for broker in made]
    assert sources == ["ccxt-bybit", "ccxt-binanceusdm", "ccxt-okx", "ccxt-okx", "ccxt-kraken"]
    assert [broker.capabilities.position_mode for broker in made].count("hedging") == 1


def test_l17_a_book_stays_equal_to_an_exchange_through_fills_and_a_restart(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/bybit.db"
    with bybit() as harness:
        ticket = harness.open("EURUSD", "long", "2", price="1.1")
        with Reconciler.open(store, account="bybit:main", broker=harness.broker, policy=Policy.adopt()) as rec:
            assert rec.startup_recovery().status == "SUCCESS"
        again = type(harness)(harness.there)
        with Reconciler.open(store, account="bybit:main", broker=again.broker, policy=Policy.adopt()) as rec:
            assert rec.startup_recovery().status == "SUCCESS"
            assert [str(row.signed_quantity) for row in rec.book.positions] == ["2"]
            assert harness.held(ticket) == 2
