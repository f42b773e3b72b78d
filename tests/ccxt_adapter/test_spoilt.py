"""When one cell of a real row is spoilt, is the row refused by name or still read as it was, and every other row too?

Rows are those of the recorded answers. What is spoilt is ccxt's cell, the exchange's own, or both; what may come of it
is said here by hand, cell by cell, and never asked of the adapter.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.model import BrokerOrder, BrokerPosition, Execution, OrderStatus
from trueup_adapters.ccxt.samples import Sample, sample_of

DATA = Path(__file__).parent / "data"
TEXTS = [
    text
    for name in ("ccxt_responses.jsonl", "ccxt_examples.jsonl")
    for text in (DATA / name).read_text(encoding="utf-8").splitlines()
]
Read = BrokerPosition | BrokerOrder | Execution

FEW: Final = settings(deadline=None, max_examples=20)
NO_NUMBERS: Final[tuple[Any, ...]] = (
    "x",
    "  ",
    "NaN",
    "Infinity",
    "-inf",
    "1e400",
    "1 000",
    "1,5",
    "0x10",
    "٣",
    True,
    [],
    {},
    ["1"],
    {"value": 1},
    float("nan"),
    float("inf"),
)
"""What can be no number, whatever one does with it."""
NO_WORDS: Final[tuple[Any, ...]] = (
    "",
    "  ",
    "both",
    "lang",
    "buyer",
    "1",
    3,
    True,
    [],
    {"side": "buy"},
    None,
    "\n",
    "x" * 500,
)
"""What can be no side, and no status that means anything."""


def key_of(one: Any) -> str:
    """What tells one reading from another, without the cells that are spoilt here."""
    if isinstance(one, Execution):
        return one.execution_id
    if isinstance(one, BrokerOrder):
        return str(one.order_id or one.client_order_id)
    return f"{one.spelling or one.symbol}"


def read_of(text: str, line: dict[str, Any] | None = None) -> Sample:
    return sample_of(1, text if line is None else json.dumps(line))


SAMPLES: Final = [(text, read_of(text)) for text in TEXTS]


def whole(kind: type[Read]) -> list[tuple[str, Sample]]:
    """Lines of which every row was read, as this kind; each row under a name of its own."""
    return [
        (text, sample)
        for text, sample in SAMPLES
        if sample.read
        and not sample.refused
        and not sample.set_aside
        and sample.method.startswith("fetch")
        and all(isinstance(one, kind) for one in sample.read)
        and len({key_of(one) for one in sample.read}) == len(sample.read)
    ]


KINDS: Final[dict[type[Read], list[tuple[str, Sample]]]] = {
    kind: whole(kind) for kind in (BrokerPosition, BrokerOrder, Execution)
}
QUANTITY: Final[dict[type[Read], str]] = {BrokerPosition: "contracts", BrokerOrder: "amount", Execution: "amount"}


class Spoilt:
    """A line with one row of it spoilt, and what it was before."""

    def __init__(self, text: str, before: Sample, at: int, spoil: Callable[[dict[str, Any]], None]) -> None:
        self.line: dict[str, Any] = json.loads(text)
        given_rows = self.line["parsedResponse"]
        rows = given_rows if isinstance(given_rows, list) else [given_rows]
        self.at = at % len(rows)
        self.was: Any = before.read[self.at]
        self.others = [one for n, one in enumerate(before.read) if n != self.at]
        spoil(rows[self.at])
        self.after = read_of("", self.line)

    @property
    def now(self) -> Any:
        """The spoilt row's reading; None where it was not read."""
        rest = [one for one in self.after.read if one not in self.others]
        assert len(rest) <= 1
        return rest[0] if rest else None

    def nothing_else_changed(self) -> None:
        """The other rows are read as before, and the spoilt one is in exactly one place, with a reason if refused."""
        assert [one for one in self.others if one not in self.after.read] == []
        places = [one.row for one in self.after.refused] + [one.row for one in self.after.set_aside]
        assert len(places) == len(set(places))
        if self.now is None:
            assert self.at + 1 in places or self.after.why
        assert all(one.why and one.why.isprintable() for one in self.after.refused)

    def refused_for(self, *words: str) -> None:
        """It was refused, in its place, by a reason that names the cell."""
        self.nothing_else_changed()
        assert self.now is None
        whys = [one.why for one in self.after.refused if one.row == self.at + 1]
        assert len(whys) == 1, self.after
        assert any(word in whys[0] for word in words), whys


def cases(kind: type[Read]) -> Any:
    return st.tuples(st.sampled_from(KINDS[kind]), st.integers(0, 30))


def setting(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.__setitem__(name, copy.deepcopy(value))


def test_there_are_rows_to_spoil() -> None:
    assert [len(KINDS[kind]) for kind in KINDS] == [17, 62, 27]


@FEW
@given(case=cases(BrokerPosition), value=st.sampled_from(NO_NUMBERS))
def test_l43_a_position_whose_size_is_no_number_is_refused(case: Any, value: Any) -> None:
    (text, before), at = case
    Spoilt(text, before, at, setting("contracts", value)).refused_for("contracts")


@FEW
@given(case=cases(BrokerPosition), value=st.sampled_from((None, "", 0, "0", "0.0000", -0.0)))
def test_l03_a_position_whose_size_was_cut_is_never_an_absence(case: Any, value: Any) -> None:
    (text, before), at = case
    spoilt = Spoilt(text, before, at, setting("contracts", value))
    spoilt.refused_for("contracts")
    assert not spoilt.after.set_aside


@FEW
@given(case=cases(BrokerPosition), factor=st.sampled_from((-1, -2, 0.5, 3, 1000)))
def test_l28_a_size_below_0_is_refused_and_another_than_stated_is_not_believed(case: Any, factor: Any) -> None:
    (text, before), at = case
    spoilt = Spoilt(text, before, at, lambda row: row.update(contracts=float(row["contracts"]) * factor))
    spoilt.nothing_else_changed()
    if factor == -1 and spoilt.now is not None:  # the exchange's own row says the same of a short
        assert spoilt.now == spoilt.was
        assert spoilt.was.signed_quantity < 0
    elif factor < 0:
        spoilt.refused_for("below 0", "came as a float")
    elif factor in (0.5, 3) and not stands(spoilt, factor):
        spoilt.refused_for("contracts", "came as a float")


def stands(spoilt: Spoilt, factor: float) -> bool:
    """Whether the exchange's own row happens to state the spoilt size in whichever cell."""
    size = abs(spoilt.was.signed_quantity) * Decimal(str(factor))
    digits = size.normalize().as_tuple().digits
    return any(number.normalize().as_tuple().digits == digits for number in numbers(spoilt.line["parsedResponse"]))


def numbers(there: Any) -> list[Decimal]:
    if isinstance(there, dict):
        return [one for name, cell in there.items() if name != "contracts" for one in numbers(cell)]
    if isinstance(there, list):
        return [one for cell in there for one in numbers(cell)]
    try:
        return [] if there is None or isinstance(there, bool) else [abs(Decimal(str(there)))]
    except ArithmeticError:
        return []


@FEW
@given(case=cases(BrokerPosition), value=st.sampled_from(NO_WORDS))
def test_l28_a_position_without_a_side_is_refused(case: Any, value: Any) -> None:
    (text, before), at = case
    Spoilt(text, before, at, setting("side", value)).refused_for("side")


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(
    data=st.data(), value=st.sampled_from((None, "", "BTCUSDT", "BTC/", "/USDT", "a b/c", "BTC/USDT:", 7, [], "\x00"))
)
def test_l33_a_row_without_a_symbol_is_refused(kind: type[Read], data: st.DataObject, value: Any) -> None:
    (text, before), at = data.draw(cases(kind))
    Spoilt(text, before, at, setting("symbol", value)).refused_for("symbol")


@pytest.mark.parametrize("kind", [BrokerOrder, Execution])
@FEW
@given(data=st.data(), value=st.sampled_from((*NO_NUMBERS, None, "", 0, "0", -1, "-0.5")))
def test_l43_an_amount_that_is_none_is_refused(kind: type[Read], data: st.DataObject, value: Any) -> None:
    (text, before), at = data.draw(cases(kind))
    spoilt = Spoilt(text, before, at, setting("amount", value))
    if spoilt.now is not None:  # where ccxt counts coins, the exchange's own number of contracts is read
        assert before.exchange in ("xt", "bingx")
        assert spoilt.now == spoilt.was
    else:
        spoilt.refused_for("amount", "how much was ordered")


@pytest.mark.parametrize("kind", [BrokerOrder, Execution])
@FEW
@given(data=st.data(), value=st.sampled_from(NO_WORDS))
def test_l28_a_side_that_is_none_is_the_exchanges_own_or_refused(
    kind: type[Read], data: st.DataObject, value: Any
) -> None:
    (text, before), at = data.draw(cases(kind))
    spoilt = Spoilt(text, before, at, setting("side", value))
    if value is None and spoilt.now is not None:
        assert spoilt.now == spoilt.was
    else:
        spoilt.refused_for("side")


@pytest.mark.parametrize("kind", [BrokerOrder, Execution])
@FEW
@given(data=st.data())
def test_l28_a_side_that_was_turned_round_is_never_read_where_the_row_says_another(
    kind: type[Read], data: st.DataObject
) -> None:
    (text, before), at = data.draw(cases(kind))
    spoilt = Spoilt(text, before, at, lambda row: row.update(side="sell" if row["side"] == "buy" else "buy"))
    own = {str(n).lower(): c for n, c in info(spoilt).items()}.get("side")
    if str(own).lower().startswith(("buy", "sell")) and before.exchange != "bitget":
        spoilt.refused_for("side")
    else:
        spoilt.nothing_else_changed()


def info(spoilt: Spoilt) -> dict[str, Any]:
    rows = spoilt.line["parsedResponse"]
    row = rows[spoilt.at] if isinstance(rows, list) else rows
    return row["info"] if isinstance(row.get("info"), dict) else {}


@FEW
@given(case=cases(BrokerOrder), value=st.sampled_from((*NO_WORDS, "filled!", "done", "fillled", "-1", 0)))
def test_l41_a_status_that_nobody_knows_decides_nothing(case: Any, value: Any) -> None:
    (text, before), at = case
    spoilt = Spoilt(text, before, at, setting("status", value))
    spoilt.nothing_else_changed()
    if spoilt.now is not None:
        assert spoilt.now.status is OrderStatus.UNKNOWN
        assert len(spoilt.now.raw_status) <= 64


@FEW
@given(case=cases(BrokerOrder), value=st.sampled_from(NO_NUMBERS))
def test_l43_a_fill_that_is_no_number_is_refused(case: Any, value: Any) -> None:
    (text, before), at = case
    spoilt = Spoilt(text, before, at, setting("filled", value))
    if before.exchange == "xt":
        return
    spoilt.refused_for("filled")


@FEW
@given(case=cases(BrokerOrder))
def test_law_13_a_fill_that_the_row_does_not_state_is_not_reported(case: Any) -> None:
    (text, before), at = case
    spoilt = Spoilt(text, before, at, setting("filled", 0.0123456789))
    spoilt.nothing_else_changed()
    if spoilt.now is not None and before.exchange != "xt":
        assert spoilt.now.filled is None
        assert spoilt.now.status is not OrderStatus.FILLED or before.exchange == "wavesexchange" or said(spoilt)


def said(spoilt: Spoilt) -> bool:
    return "fill" in json.dumps(info(spoilt)).lower()


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(data=st.data(), name=st.sampled_from(("price", "entryPrice", "average")), value=st.sampled_from(NO_NUMBERS))
def test_l36_a_price_that_is_no_number_is_refused_and_none_is_made_up(
    kind: type[Read], data: st.DataObject, name: str, value: Any
) -> None:
    (text, before), at = data.draw(cases(kind))
    spoilt = Spoilt(text, before, at, setting(name, value))
    spoilt.nothing_else_changed()
    if spoilt.now is not None:
        same(spoilt, "price", "average_price", "limit")


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(data=st.data(), name=st.sampled_from(("price", "entryPrice", "average")))
def test_l36_a_price_that_the_row_does_not_state_is_not_reported(
    kind: type[Read], data: st.DataObject, name: str
) -> None:
    (text, before), at = data.draw(cases(kind))
    spoilt = Spoilt(text, before, at, setting(name, 9.87654321))
    spoilt.nothing_else_changed()
    if spoilt.now is not None:
        same(spoilt, "price", "average_price", "limit")


def same(spoilt: Spoilt, *fields: str) -> None:
    """Nothing but these fields differs, and each of them is what it was, or not reported."""
    was, now = msgspec.structs.asdict(spoilt.was), msgspec.structs.asdict(spoilt.now)
    assert {name for name in was if was[name] != now[name]} <= set(fields)
    assert all(now[name] in (None, was[name]) for name in fields if name in now)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(
    data=st.data(),
    at_ms=st.sampled_from(
        (
            None,
            "",
            0,
            -1,
            1_700_000_000,
            1_700_000_000_000,
            1_700_000_000_000_000,
            1.7e12,
            "soon",
            "2024-13-40",
            [],
            10**30,
        )
    ),
)
def test_l46_whatever_the_exchanges_clock_says_the_rest_is_read_as_it_was(
    kind: type[Read], data: st.DataObject, at_ms: Any
) -> None:
    (text, before), at = data.draw(cases(kind))
    spoilt = Spoilt(
        text, before, at, lambda row: row.update(timestamp=at_ms, datetime=at_ms, lastUpdateTimestamp=at_ms)
    )
    spoilt.nothing_else_changed()
    was, now = msgspec.structs.asdict(spoilt.was), msgspec.structs.asdict(spoilt.now)
    assert {name for name in was if was[name] != now[name]} <= {"updated_at", "opened_at", "happened_at"}


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(data=st.data(), differing=st.booleans())
def test_l29_a_row_told_twice_counts_once_and_one_told_in_other_words_not_at_all(
    kind: type[Read], data: st.DataObject, differing: bool
) -> None:
    (text, before), at = data.draw(cases(kind))
    line = json.loads(text)
    if not isinstance(line["parsedResponse"], list):
        return
    rows = line["parsedResponse"]
    at %= len(rows)
    twin = copy.deepcopy(rows[at])
    if differing:
        twin["datetime"] = twin["lastUpdateTimestamp"] = "2001-02-03T04:05:06Z"
    rows.append(twin)
    after = read_of("", line)
    same_one = [one for one in after.read if key_of(one) == key_of(before.read[at])]
    apart = kind is BrokerPosition and before.read[at].ticket is not None
    assert len(same_one) == (0 if differing else 1) or apart
    assert len(after.read) + len(after.refused) == len(rows)
    assert any(word in after.refused[-1].why for word in ("in the same words", "in other words"))


@FEW
@given(case=cases(BrokerPosition))
def test_l31_both_legs_of_a_hedged_symbol_are_two_positions(case: Any) -> None:
    (text, before), at = case
    line = json.loads(text)
    rows = line["parsedResponse"] if isinstance(line["parsedResponse"], list) else [line["parsedResponse"]]
    leg = copy.deepcopy(rows[at % len(rows)])
    leg["side"] = "short" if before.read[at % len(rows)].signed_quantity > 0 else "long"
    leg["info"] = {"symbol": "unlike the other"}
    for row in (*rows, leg):
        row["hedged"] = True
        if isinstance(row["info"], dict):
            row["info"]["posMode"] = "hedge_mode"
    line["parsedResponse"], line["input"] = [*rows, leg], ["all of them"]
    after = read_of("", line)
    assert after.refused == ()
    assert len({one.ticket for one in after.read}) == len(rows) + 1  # type: ignore[attr-defined]
