"""What does one execution, or one whole position, do to what the book holds under its key?

One source moves a quantity (L15): a key is fill-sourced or set-sourced by its first record. What a correction
inferred is claimed by the real fill when it comes, never added to it (L14); only the rest moves the position.
Pure functions from slot to slot.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
from msgspec.structs import replace

from trueup.facts import PositionRecorded
from trueup.model import (
    EXACT,
    EXTERNAL,
    ZERO,
    Execution,
    Holding,
    Moment,
    add,
    elapsed_ns,
    plain,
    side_of,
    subtract,
)
from trueup.reconciliation.state import Inferred, Slot

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

INFERRED_PER_KEY_MAX = 32
"""Inferences kept per key (law 12); the oldest give way."""
PRICE_SCALE_EXTRA = 6
"""Decimals that an average price carries beyond the prices that it averages."""


class Applied(msgspec.Struct, frozen=True, gc=False):
    """What applying one execution came to."""

    slot: Slot
    moved: Decimal
    """Signed; what moved the position."""
    consumed: tuple[tuple[str, Decimal], ...]
    """(correction id, signed quantity) that an earlier inference had already put there."""
    history: bool = False
    """The key is set-sourced: the fill is history and P&L, and moves nothing."""


def apply_execution(
    slot: Slot | None,
    execution: Execution,
    *,
    at: Moment,
    position: int,
    order_position: int | None,
    inferred_ns_max: int,
) -> Applied:
    """The slot after one execution.

    order_position   where its order was first recorded, if it was: an order recorded only after a correction's
                     question was asked cannot be what that correction saw
    inferred_ns_max  how long an inference waits for its fill
    """
    if slot is None:
        slot = Slot(None, at, position)
    elif slot.source == "set":
        return Applied(slot, ZERO, (), history=True)
    rest, inferred = execution.signed_quantity, slot.inferred
    consumed: tuple[tuple[str, Decimal], ...] = ()
    if inferred:
        rest, consumed, inferred = _consume(inferred, execution, at, order_position, inferred_ns_max)
    before, after = slot.holding, slot.holding
    if rest:
        after = _moved(before, execution, rest)
    if after is not None and (after.source != "fill" or after.strategy == EXTERNAL or after.ticket is None):
        after = _attached(after, execution)
    # Built in one go: this is folded a hundred thousand times in a replay.
    return Applied(
        Slot(
            after,
            at,
            position,
            "fill",
            inferred,
            slot.corrections,
            slot.before if after is not None or before is None else before,
            None if rest else slot.closed_by,
            slot.order_id or execution.order_id,
        ),
        rest,
        consumed,
    )


def _consume(
    inferred: tuple[Inferred, ...],
    execution: Execution,
    at: Moment,
    order_position: int | None,
    inferred_ns_max: int,
) -> tuple[Decimal, tuple[tuple[str, Decimal], ...], tuple[Inferred, ...]]:
    """(what is left of the execution, what was claimed, the inferences that remain), oldest first.

    The very same execution never comes here twice: the state remembers execution ids.
    """
    rest = execution.signed_quantity
    consumed: list[tuple[str, Decimal]] = []
    kept: list[Inferred] = []
    for one in inferred:
        if elapsed_ns(one.since, at) > inferred_ns_max:
            continue  # its fill never came; what comes now is new
        too_new = order_position is not None and order_position > one.asked_position
        opposite = one.remaining.is_signed() != execution.signed_quantity.is_signed()
        if not rest or too_new or opposite:
            kept.append(one)
            continue
        part = min(rest.copy_abs(), one.remaining.copy_abs())
        taken = part.copy_negate() if rest.is_signed() else part
        rest = subtract(rest, taken)
        consumed.append((one.correction_id, taken))
        if left := subtract(one.remaining, taken):
            kept.append(replace(one, remaining=left))
    return rest, tuple(consumed), tuple(kept)


def bound_to(slot: Slot, known: Slot | None, ticket: str, *, inferred_ns_max: int) -> Slot:
    """The slot of a ticket, once an entry that had none (`slot`) turns out to be its.

    known   what the book holds under the ticket already: a correction adopted it before the entry was recognised,
            so the entry's own quantity claims what was inferred, and only the rest is added (L14)
    """
    assert slot.holding is not None
    if known is None or slot.source != "fill":
        return replace(slot, holding=replace(slot.holding, ticket=ticket))
    held = slot.holding
    whole = Execution("", held.symbol, held.signed_quantity, held.price, ticket, slot.order_id, strategy=held.strategy)
    return apply_execution(
        known, whole, at=slot.changed, position=slot.position, order_position=None, inferred_ns_max=inferred_ns_max
    ).slot


def infer(slot_inferred: tuple[Inferred, ...], new: Inferred) -> tuple[Inferred, ...]:
    """The key's inferences with one more."""
    return (*slot_inferred, new)[-INFERRED_PER_KEY_MAX:] if slot_inferred else (new,)


def _moved(holding: Holding | None, execution: Execution, quantity: Decimal) -> Holding | None:
    """The holding after a signed quantity at the execution's price; None when that closes it."""
    if holding is None:
        return Holding(
            symbol=execution.symbol,
            signed_quantity=quantity,
            ticket=execution.ticket,
            price=execution.price,
            strategy=execution.strategy or EXTERNAL,
            source="fill",
            opened_at=execution.happened_at,
        )
    held = holding.signed_quantity
    total = add(held, quantity)
    if not total:
        return None
    if total.is_signed() != held.is_signed():
        price = execution.price  # it crossed zero: what is held now was opened by this fill
    elif quantity.is_signed() != held.is_signed():
        price = holding.price  # reduced: the cost of what remains is what it was
    else:
        price = average_price(holding.price, held, execution.price, quantity)
    return replace(holding, signed_quantity=total, price=price)


def average_price(
    price: Decimal | None, quantity: Decimal, fill_price: Decimal | None, fill_quantity: Decimal
) -> Decimal | None:
    """Average cost of two quantities of one sign; None when either price is unknown (L36: never invented)."""
    if price is None or fill_price is None:
        return None
    cost = add(EXACT.multiply(price, quantity), EXACT.multiply(fill_price, fill_quantity))
    average = EXACT.divide(cost, add(quantity, fill_quantity))
    finest = min(_exponent(price), _exponent(fill_price))
    step = Decimal(1).scaleb(max(finest - PRICE_SCALE_EXTRA, -18), context=EXACT)
    rounded = average.quantize(step, ROUND_HALF_EVEN, EXACT)
    return Decimal(plain(rounded))


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return min(exponent, 0)


def _attached(holding: Holding, execution: Execution) -> Holding:
    """The holding with its source, and the owner and ticket that a fill of it names (L53)."""
    strategy = holding.strategy
    if strategy == EXTERNAL and execution.strategy is not None:
        strategy = execution.strategy
    ticket = holding.ticket or execution.ticket
    if strategy == holding.strategy and ticket == holding.ticket and holding.source == "fill":
        return holding
    return replace(holding, strategy=strategy, ticket=ticket, source="fill")


def older_than(execution: Execution, at: Moment, days: int) -> bool:
    """Whether an execution is, by its own time, older than execution ids are remembered for.

    The broker's clock may be hours off (L46); against a window of days that is only a margin.
    """
    if execution.happened_at is None:
        return False
    try:
        happened = datetime.fromisoformat(execution.happened_at)
    except ValueError:
        return False  # a time that cannot be read is evidence of nothing
    if happened.tzinfo is None:
        happened = happened.replace(tzinfo=UTC)
    return at.at_ns - ((happened - _EPOCH) // _MICROSECOND) * 1000 > days * 86_400_000_000_000


def set_position(slot: Slot | None, fact: PositionRecorded, *, position: int) -> tuple[Slot, str | None]:
    """The slot after a recorded whole position, and why its quantity was refused, if it was."""
    slot = slot or Slot(None, fact.at, position)
    held = slot.holding.signed_quantity if slot.holding else ZERO
    if fact.from_book and slot.source == "fill":
        # A book that lives elsewhere is the one source of its positions from now on, whatever moved them before (L15).
        holding = None if slot.holding is None else replace(slot.holding, source=None)
        slot = replace(slot, source=None, inferred=(), holding=holding)
    if slot.source == "fill":
        refused = None
        if held != fact.signed_quantity:
            refused = (
                f"{fact.symbol} is moved by fills, which make it {plain(held)}; the recorded quantity "
                f"{plain(fact.signed_quantity)} was kept as history only (one source per quantity)"
            )
        if slot.holding is None:
            return slot, refused
        return replace(slot, holding=_described(slot.holding, fact), changed=fact.at, position=position), refused
    if not fact.signed_quantity:
        before = slot.holding or slot.before
        return (
            replace(
                slot,
                holding=None,
                changed=fact.at,
                position=position,
                source="set",
                before=before,
                closed_by=None,
            ),
            None,
        )
    if slot.holding is None:
        base = Holding(symbol=fact.symbol, signed_quantity=fact.signed_quantity, opened_at=fact.happened_at)
    else:
        base = replace(slot.holding, signed_quantity=fact.signed_quantity, price=_kept_price(slot.holding, fact))
    holding = replace(_described(base, fact), source="set")
    return replace(slot, holding=holding, changed=fact.at, position=position, source="set", closed_by=None), None


def _kept_price(holding: Holding, fact: PositionRecorded) -> Decimal | None:
    """The price that still holds when a record gives none: of what was only reduced, else unknown (L36)."""
    same_side = side_of(holding.signed_quantity) == side_of(fact.signed_quantity)
    grown = fact.signed_quantity.copy_abs() > holding.signed_quantity.copy_abs()
    return holding.price if same_side and not grown else None


def _described(holding: Holding, fact: PositionRecorded) -> Holding:
    """The holding with what a whole position says beside its quantity."""
    price = fact.price if fact.price is not None and holding.source != "fill" else holding.price
    return replace(
        holding,
        ticket=fact.ticket or holding.ticket,
        price=price,
        strategy=fact.strategy or holding.strategy,
        stop=fact.stop if fact.stop is not None else holding.stop,
    )
