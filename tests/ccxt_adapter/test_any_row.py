"""Whatever a row holds: does it end in exactly one place, and is what is read from it within bounds?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ccxt_adapter.fakes import order, position, trade
from ccxt_adapter.recorded import LINES
from trueup.model import PositionMode, exact
from trueup_adapters.ccxt.holdings import coins_of, judge_balances
from trueup_adapters.ccxt.left_out import coins_left_out, positions_left_out
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.orders import judge_orders
from trueup_adapters.ccxt.positions import judge_positions
from trueup_adapters.ccxt.rows import Judged
from trueup_adapters.ccxt.samples import sample_of
from trueup_adapters.ccxt.trades import judge_trades

WORDS = (
    "buy",
    "sell",
    "long",
    "short",
    "both",
    "open",
    "closed",
    "market",
    "limit",
    "LTC/USDT",
    "BTC/USD:BTC",
    "x/y:z",
)
ODD: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=8)
    | st.sampled_from((*WORDS, "NaN", "1e400", "-1", "0", "0.1", "", "1e-30", "9" * 40)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = sorted({name for base in (position(), order(), trade()) for name in base} | {"fee", "average", "reduceOnly"})
CELLS = st.dictionaries(st.sampled_from(NAMES), ODD, max_size=6)
ROWS = st.lists(
    ODD
    | CELLS
    | st.builds(lambda c: {**position(), **c}, CELLS)
    | st.builds(lambda c: {**order(), **c}, CELLS)
    | st.builds(lambda c: {**trade(), **c}, CELLS),
    max_size=5,
)
MODES: Any = st.sampled_from(("netting", "hedging"))


def accounted(judged: Judged[Any], count: int) -> None:
    """Each row is somewhere, once; each reason is a reason."""
    places = [refusal.row for refusal in judged.refused] + [aside.row for aside in judged.set_aside]
    assert len(judged.read) + len(places) == count
    assert len(places) == len(set(places))
    assert all(1 <= place <= count for place in places)
    reasons = [refusal.why for refusal in judged.refused] + [aside.why for aside in judged.set_aside]
    assert all(why and why.isprintable() for why in reasons)


@settings(deadline=None)
@given(rows=ROWS, mode=MODES)
def test_l42_l43_every_row_ends_in_one_place_and_every_number_is_in_bounds(rows: list[Any], mode: PositionMode) -> None:
    reading = Reading(position_mode=mode, exchange="bitget")
    for judge in (judge_positions, judge_orders, judge_trades):
        judged: Judged[Any] = judge(rows, reading)
        accounted(judged, len(rows))
        for one in judged.read:
            for cell in (getattr(one, name) for name in one.__struct_fields__):
                if isinstance(cell, Decimal):
                    assert exact(cell) == cell
    for held in judge_positions(rows, reading).read:
        assert held.signed_quantity
        assert held.unit
        assert (held.ticket is None) == (mode == "netting")


@settings(deadline=None)
@given(answer=st.dictionaries(st.sampled_from((*WORDS, "LTC", "USDT", "info", "free", "total")), ODD, max_size=5))
def test_l42_every_coin_ends_in_one_place(answer: dict[str, Any]) -> None:
    judged = judge_balances(answer)
    accounted(judged, len(coins_of(answer)))
    assert all(balance.total > 0 for balance in judged.read)


@settings(deadline=None)
@given(body=ODD, rows=ROWS)
def test_looking_for_what_was_left_out_never_raises(body: Any, rows: list[Any]) -> None:
    left = positions_left_out(body, [row for row in rows if isinstance(row, dict)])
    assert left.flat >= 0
    assert all(left.lost)
    assert all(coins_left_out(body, {"LTC": {"total": "1"}}))


@settings(deadline=None)
@given(data=st.data(), line=st.sampled_from(LINES))
def test_a_recorded_line_with_any_cell_spoilt_still_ends_in_one_place(
    data: st.DataObject, line: dict[str, Any]
) -> None:
    import json

    given_rows = line["parsedResponse"]
    rows = given_rows if isinstance(given_rows, list) else [given_rows]
    spoilt = [dict(row) for row in rows]
    name = data.draw(st.sampled_from(sorted(spoilt[0])))
    spoilt[0][name] = data.draw(st.none() | st.sampled_from(("", "NaN", "-1", 0, "unknown")))
    whole = {**line, "parsedResponse": spoilt if isinstance(given_rows, list) else spoilt[0]}
    sample = sample_of(1, json.dumps(whole, default=str))
    assert sample.verdict in ("parsed", "refused", "not ours")
    assert bool(sample.refused or sample.why) or sample.verdict != "refused"
    assert bool(sample.read) or sample.verdict != "parsed"
