"""Does a book come to equal the account after any history of trades and faults, and hold nothing that never was?"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alpaca_broker.harness import broker_of
from trueup import Policy, Reconciler
from trueup.testing.alpaca import FakeAlpaca

ACCOUNT = "alpaca:PA3FAKE00001"
SYMBOLS = ("AAPL", "METH", "BTC/USD", "AAPL240119C00100000")
QUICK = Policy.adopt(
    confirm_interval_ms=0,
    settle_ms=0,
    total_absence_s=0,
    retries_max=0,
    confirmations_total=2,
    correction_attempts_max=1_000,
    on_orphan_order="adopt",
)
_SIZES = st.integers(1, 5).map(str)
_SYMBOLS = st.sampled_from(SYMBOLS)
_MOVES = st.one_of(
    st.tuples(st.just("trade"), _SYMBOLS, st.sampled_from(["buy", "sell"]), _SIZES),
    st.tuples(st.just("close"), _SYMBOLS),
    st.tuples(st.just("vanish"), _SYMBOLS),
    st.tuples(st.just("split"), _SYMBOLS),
    st.tuples(st.just("place"), _SYMBOLS, _SIZES),
    st.tuples(st.just("fill")),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("replace")),
)
_FAULTS = st.one_of(
    st.tuples(
        st.just("fault"),
        st.sampled_from(
            ["cut", "html", "garbage", "truncated", "broken", "empty", "bad_row", "nan", "bare_nan", "twin", "goodbye"]
        ),
        st.sampled_from([{}, {"status": 404}, {"status": 200}]),
    ),
    st.tuples(st.just("fault"), st.just("status"), st.sampled_from([{"status": s} for s in (401, 404, 429, 500, 504)])),
    st.tuples(
        st.just("fault"),
        st.just("new_word"),
        st.sampled_from([{"field": f} for f in ("status", "type", "asset_class")]),
    ),
    st.tuples(st.just("fault"), st.just("stale"), st.sampled_from([{"changes": n} for n in (1, 3)])),
)
_STEPS = st.lists(st.one_of(_MOVES, _FAULTS, st.just(("pass",)), st.just(("pass",))), min_size=3, max_size=20)


def do(fake: FakeAlpaca, step: tuple[Any, ...]) -> None:
    """One thing that happens to the account; what cannot happen now does not."""
    control, (kind, *rest) = fake.control, step
    working = [order for order in control.orders() if order.is_open and order.type == "limit"]
    if kind == "trade":
        control.trade(rest[0], rest[1], rest[2], price="10")
    elif kind == "place":
        control.place(rest[0], "buy", "limit", rest[1], price="9")
    elif kind == "fault":
        control.misbehave(rest[0], **rest[1])
    elif kind in ("fill", "cancel") and working:
        control.fill(working[0].id, "1") if kind == "fill" else control.cancel(working[0].id)
    elif kind == "replace" and working:
        control.replace(working[-1].id, limit_price="8")
    elif kind in ("close", "vanish", "split") and control.held(rest[0]):
        {"close": control.close, "vanish": control.vanish, "split": lambda s: control.split(s, "2")}[kind](rest[0])


def truth(fake: FakeAlpaca) -> dict[str, Decimal]:
    """What the account truly holds: our own reading, not the adapter's."""
    return {symbol: held for symbol in SYMBOLS if (held := fake.control.held(symbol))}


def book(rec: Reconciler) -> dict[str, Decimal]:
    return {holding.symbol: holding.signed_quantity for holding in rec.book.positions}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=_STEPS)
def test_law_2_law_3_any_history_is_followed_and_nothing_is_made_up(steps: list[tuple[Any, ...]]) -> None:
    ever: dict[str, set[Decimal]] = defaultdict(lambda: {Decimal(0)})
    with FakeAlpaca() as fake, tempfile.TemporaryDirectory() as folder:
        broker = broker_of(fake, account=ACCOUNT, lag_ms_max=0)
        with Reconciler.open(
            f"sqlite:///{folder}/a.db", account=ACCOUNT, broker=broker, policy=QUICK, durability="normal"
        ) as rec:
            rec.startup_recovery(timeout_s=1)
            for step in steps:
                if step == ("pass",):
                    rec.sync_positions()
                else:
                    do(fake, step)
                for symbol in SYMBOLS:
                    ever[symbol].add(fake.control.held(symbol))
                for symbol, quantity in book(rec).items():
                    assert quantity in ever[symbol], (symbol, quantity, step)
            fake.control.behave()
            for _ in range(6):
                report = rec.sync_positions()
            assert book(rec) == truth(fake), report
            assert report.status == "SUCCESS", (report.errors, report.observations)


_FAILURES = st.one_of(
    st.tuples(
        st.sampled_from(["cut", "html", "garbage", "truncated", "broken", "redirect"]),
        st.sampled_from([{}, {"status": 404}, {"status": 502}]),
    ),
    st.tuples(
        st.just("status"),
        st.builds(
            lambda status, text: {"status": status, "text": text},
            st.sampled_from([204, 301, 400, 401, 403, 404, 408, 422, 500, 503, 504]),
            st.sampled_from(["[]", "{}", "null", "", '{"code": 40410000, "message": "position does not exist"}']),
        ),
    ),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(failures=st.lists(_FAILURES, min_size=2, max_size=12))
def test_l01_l03_l06_l48_no_row_of_failures_closes_anything(failures: list[tuple[str, dict[str, Any]]]) -> None:
    with FakeAlpaca() as fake, tempfile.TemporaryDirectory() as folder:
        for symbol in SYMBOLS:
            fake.control.open(symbol, "long", "2", price="10")
        broker = broker_of(fake, account=ACCOUNT, lag_ms_max=0)
        url = f"sqlite:///{folder}/a.db"
        with Reconciler.open(url, account=ACCOUNT, broker=broker, policy=QUICK, durability="normal") as rec:
            assert rec.startup_recovery(timeout_s=1).status == "SUCCESS"
            before = book(rec)
            assert before == truth(fake)
            for kind, how in failures:
                fake.control.misbehave(kind, on=("positions",), **how)
                assert rec.sync_positions().status == "DEGRADED"
                assert book(rec) == before
            assert rec.sync_positions().status == "SUCCESS"
