"""Is a book kept equal to an account of brackets and coins, over real HTTP, without a stop too many?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alpaca_broker.harness import broker_of
from trueup import Policy, Reconciler
from trueup.testing.alpaca import FakeAlpaca

ACCOUNT = "alpaca:PA3FAKE00001"
QUICK: dict[str, Any] = {"confirm_interval_ms": 0, "settle_ms": 0, "retries_max": 0}


def opened(fake: FakeAlpaca, folder: Path, **policy: Any) -> Reconciler:
    broker = broker_of(fake, account=ACCOUNT, lag_ms_max=0)
    url = f"sqlite:///{folder}/a.db"
    return Reconciler.open(url, account=ACCOUNT, broker=broker, policy=Policy.adopt(**QUICK, **policy))


def test_law_10_a_position_that_a_held_stop_guards_gets_no_second_one(fake: FakeAlpaca, tmp_path: Path) -> None:
    """Its shares are reserved for the exits: each further stop would be refused, and a person called for nothing."""
    entry, _, loss = fake.control.bracket("AAPL", "buy", "2", price="100", profit="120", loss="90")
    fake.control.fill(entry)
    with opened(fake, tmp_path, protect={"stop_distance_pct": "2"}) as rec:
        reports = [rec.startup_recovery(timeout_s=2), rec.sync_positions(), rec.sync_positions()]
        assert not [line for report in reports for line in report.critical if "stop" in line]
        assert not [row for report in reports for row in report.actions]
        assert fake.control.requests("POST") == 0
        fake.control.cancel(loss)  # both exits are gone with it: now it is unprotected
        for _ in range(3):
            rec.sync_positions()
        stops = [one for one in fake.control.orders() if one.type == "stop" and one.is_open]
        assert [(one.side, str(one.quantity)) for one in stops] == [("sell", "2")]


def test_l37_a_fee_in_the_coin_is_a_drift_that_is_corrected_once(fake: FakeAlpaca, tmp_path: Path) -> None:
    fake.control.open("ETH/USD", "long", "1", price="1884.5")
    with opened(fake, tmp_path) as rec:
        rec.startup_recovery(timeout_s=5)
        fake.control.fee("ETH/USD", "0.0025")
        reports = [rec.sync_positions() for _ in range(4)]
        told = [(one.kind, one.before, one.after) for report in reports for one in report.corrections]
        assert told == [("drift", "1", "0.9975")]
        assert [(held.symbol, str(held.signed_quantity)) for held in rec.book.positions] == [("ETH/USD", "0.9975")]
