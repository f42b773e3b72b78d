"""What may a broker, a bot or a recording come up with? Hypothesis strategies for all of it.

Small alphabets on purpose: collisions are what breaks books. Everything drawn is valid, exact, and prints as something
that can be pasted into a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from trueup.changes import Fill, OrderUpdate
from trueup.errors import InputError
from trueup.model import BrokerPosition, Key, OrderStatus, PositionMode, Refusal, Side, Stop, symbol_key, ticket_key
from trueup.policy import Policy
from trueup.ports import Answer, failed

if TYPE_CHECKING:
    from trueup.testing.broker import SimulatedBroker

try:
    from hypothesis import strategies as st
except ImportError as error:  # it is no dependency of trueup's own
    raise InputError(f"trueup.testing.strategies needs Hypothesis ({error}): pip install hypothesis") from error

SYMBOLS: Final = ("EURUSD", "BTC/USD", "AAPL")
PRICES: Final = {"EURUSD": Decimal("1.0543"), "BTC/USD": Decimal("43210.5"), "AAPL": Decimal("187.15")}
DAWN: Final = datetime(2024, 1, 1, tzinfo=UTC)

Step: TypeAlias = tuple[Any, ...]
"""One step of a history, its name first: ('open', 'EURUSD', 'long', '0.01'), ('trouble', 'silence')."""
Line: TypeAlias = dict[str, Any]
"""One line of a recorded incident, as `trueup import` reads it."""


def symbols() -> st.SearchStrategy[str]:
    """One of a few."""
    return st.sampled_from(SYMBOLS)


def quantities() -> st.SearchStrategy[Decimal]:
    """Greater than 0, in lots of 0.01 and some odd ones, exact."""
    whole = st.integers(1, 300).map(lambda lots: lots * Decimal("0.01"))
    return whole | st.sampled_from([Decimal("0.00000001"), Decimal("1000000"), Decimal("0.1234567")])


def _tickets() -> st.SearchStrategy[str]:
    return st.integers(1, 6).map(str) | st.just(str(2**63 + 7))  # L45


@st.composite
def positions(draw: st.DrawFn, mode: PositionMode = "hedging") -> BrokerPosition:
    """One position as a broker states it; what it does not report is None.

    mode   `hedging` positions have a ticket
    """
    symbol, size = draw(symbols()), draw(quantities())
    return BrokerPosition(
        symbol,
        draw(st.sampled_from([size, size.copy_negate()])),
        ticket=draw(_tickets()) if mode == "hedging" else None,
        price=draw(st.none() | st.just(PRICES[symbol])),
        stop=draw(st.none() | st.just(Stop(None)) | st.just(Stop(PRICES[symbol] * 9 / 10))),
    )


@st.composite
def fills(draw: st.DrawFn, mode: PositionMode = "hedging") -> Fill:
    """One execution of ours, as a bot records it; ids repeat now and then, always with the same content."""
    number = draw(st.integers(1, 40))
    symbol = SYMBOLS[number % len(SYMBOLS)]
    return Fill(
        execution_id=f"x{number}",
        symbol=symbol,
        side="buy" if number % 2 else "sell",
        quantity=Decimal(number) / 100,
        price=PRICES[symbol],
        ticket=str(number % 5) if mode == "hedging" else None,
        client_order_id=f"c{number % 7}",
        strategy="mine",
    )


@st.composite
def orders(draw: st.DrawFn) -> OrderUpdate:
    """What a bot knows of one of its orders, at any point of its life, in any order."""
    number, size = draw(st.integers(0, 6)), draw(quantities())
    status = draw(st.sampled_from([*OrderStatus]))
    return OrderUpdate(
        client_order_id=f"c{number}",
        symbol=SYMBOLS[number % len(SYMBOLS)],
        side="buy" if number % 2 else "sell",
        type="limit",
        quantity=size,
        status="frozen" if status is OrderStatus.UNKNOWN else status,  # a word that nobody knows (L41)
        order_id=draw(st.none() | st.just(f"o{number}")),
        filled=draw(st.none() | st.just(size) | st.just(Decimal(0))),
    )


@st.composite
def observations(draw: st.DrawFn, mode: PositionMode = "hedging") -> Answer:
    """One answer to a question about positions: complete, half of it, with a row that cannot be read, or none."""
    kind = draw(st.sampled_from(["complete", "complete", "partial", "refused", "failed"]))
    if kind == "failed":
        return failed(draw(st.sampled_from(["no answer within 10 s", "the broker says FAILED"])))
    rows: dict[Key, BrokerPosition] = {}
    for row in draw(st.lists(positions(mode), max_size=5)):
        rows[symbol_key(row.symbol) if mode == "netting" else ticket_key(row.ticket or "")] = row
    if kind == "complete":
        return Answer(completeness="complete", positions=rows)
    refused = (Refusal(len(rows) + 1, "its quantity is NaN", draw(symbols())),) if kind == "refused" else ()
    why = "1 row could not be used" if refused else "the first page, and there is another"
    return Answer(completeness="partial", why=why, positions=rows, refused=refused)


def policies(*, correcting: bool | None = None) -> st.SearchStrategy[Policy]:
    """Policies that can be meant.

    correcting   True: only those that follow the broker; False: only those that do not; None: any
    """
    presets: dict[bool, list[Callable[..., Policy]]] = {True: [Policy.adopt], False: [Policy.observe, Policy.guarded]}
    chosen = [*presets[True], *presets[False]] if correcting is None else presets[correcting]
    knobs = st.fixed_dictionaries(
        {
            "sync_interval_s": st.sampled_from([1, 5, 15, 300]),
            "confirmations": st.integers(2, 4),
            "confirm_interval_ms": st.sampled_from([0, 500, 3_000]),
            "retries_max": st.integers(0, 3),
            "mass_absence_count_min": st.sampled_from([1, 3, 1_000]),
        }
    )
    return st.builds(_policy, st.sampled_from(chosen), knobs)


def _policy(preset: Callable[..., Policy], knobs: dict[str, int]) -> Policy:
    return preset(**knobs)


# -- histories ---------------------------------------------------------------------------------------------

Troubles: TypeAlias = Literal["silence", "failure", "garbage", "truncated", "bad_row", "empty", "stale"]


def broker_histories(mode: PositionMode = "hedging", *, steps_max: int = 30) -> st.SearchStrategy[list[Step]]:
    """What happens at a broker: positions that come, change and go, and answers that go wrong. `play` does it.

    mode   resizing a position without an execution is drawn for both
    """
    size, which = quantities().map(str), st.integers(0, 5)
    side: st.SearchStrategy[Side] = st.sampled_from(["long", "short"])
    trouble: st.SearchStrategy[str] = st.sampled_from(
        ["silence", "failure", "garbage", "truncated", "bad_row", "empty", "stale"]
    )
    step: st.SearchStrategy[Step] = st.one_of(
        st.tuples(st.just("open"), symbols(), side, size),
        st.tuples(st.just("open"), symbols(), side, size),
        st.tuples(st.just("close"), which),
        st.tuples(st.just("resize"), which, size),
        st.tuples(st.just("stop"), which, st.none() | st.just("0.9")),
        st.tuples(st.just("vanish"), which),
        st.tuples(st.just("trouble"), trouble),
        st.tuples(st.just("reconnect")),
    )
    return st.lists(step, max_size=steps_max)


def play(broker: SimulatedBroker, steps: Iterable[Step]) -> None:
    """Do the steps of a history at a simulated broker, in order; what finds nothing to do does nothing."""
    for name, *given in steps:
        _step(broker, name, given)


def _step(broker: SimulatedBroker, name: str, given: list[Any]) -> None:
    if name == "open":
        broker.open(given[0], given[1], given[2], price=PRICES[given[0]])
    elif name == "trouble":
        broker.trouble(given[0])
    elif name == "reconnect":
        broker.reconnect()
    else:
        held: list[Key] = sorted(broker.truth)
        if not held:
            return
        number: int = given[0]
        key = held[number % len(held)]
        if name == "close":
            broker.close_position(key)
        elif name == "vanish":
            broker.vanish(key)
        elif name == "resize":
            broker.resize(key, given[1])
        else:
            broker.set_stop(key, given[1])


@st.composite
def incidents(draw: st.DrawFn, *, lines_max: int = 20) -> list[Line]:
    """A recorded incident, line by line, as `trueup import` reads it: times ascend, quantities are text."""
    at, lines = DAWN, list[Line]()
    for _ in range(draw(st.integers(0, lines_max))):
        at += timedelta(milliseconds=draw(st.sampled_from([1, 500, 2_000, 15_000, 3_600_000])))
        lines.append({"at": at.isoformat(timespec="microseconds").replace("+00:00", "Z"), **draw(_lines())})
    return lines


@st.composite
def _lines(draw: st.DrawFn) -> Line:
    kind = draw(st.sampled_from(["snapshot", "snapshot", "failure", "fill", "position"]))
    if kind == "failure":
        return {"kind": "failure", "surface": "positions", "why": "no answer"}
    if kind == "snapshot":
        rows = {row.ticket: row for row in draw(st.lists(positions("hedging"), max_size=4))}
        listed = [_row(row) for row in rows.values()]
        return {"kind": "snapshot", "surface": "positions", "complete": True, "positions": listed}
    if kind == "fill":
        fill = draw(fills("hedging"))
        body = {
            "execution_id": fill.execution_id,
            "symbol": fill.symbol,
            "side": fill.side,
            "quantity": str(fill.quantity),
            "price": str(fill.price),
            "ticket": fill.ticket,
        }
        return {"kind": "local", "fill": body}
    row = draw(positions("hedging"))
    return {"kind": "local", "position": _row(row)}


def _row(row: BrokerPosition) -> Line:
    side = "short" if row.signed_quantity.is_signed() else "long"
    return {"symbol": row.symbol, "ticket": row.ticket, "side": side, "quantity": str(row.signed_quantity.copy_abs())}
