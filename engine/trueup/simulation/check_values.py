"""Does the book become what the broker holds, and was every correction true when it was made?

Laws 2, 3 and 13. Everything is held against the exchange's own past.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from trueup.model import EXTERNAL, BrokerPosition, Holding, Key
from trueup.simulation.history import History, Made, quantities, true_key
from trueup.simulation.loop import MS
from trueup.simulation.scenario import PRICES

if TYPE_CHECKING:
    from trueup.simulation.world import World


class Violation(msgspec.Struct, frozen=True, order=True):
    """One law that one history broke."""

    law: int
    what: str


def check_values(world: World, history: History) -> Iterator[Violation]:
    """Laws 2, 3 and 13."""
    yield from _converged(world, history)
    if world.settings.honest:
        yield from _true_when_made(world, history)
        yield from _right_by_fills_alone(world, history)
        yield from _needless(world, history)
    yield from _nothing_invented(world, history)


# -- law 2 -------------------------------------------------------------------------------------------------


def _converged(world: World, history: History) -> Iterator[Violation]:
    """After the liveness phase the two sides agree, or a human was told why they do not."""
    state, policy = history.state, history.state.policy
    book = {key: slot.holding for key, slot in state.book.items() if slot.holding is not None}
    truth = world.exchange.rows
    corrects = policy.on_recovery == "adopt"
    for key in sorted({*book, *truth}):
        why = differ(book.get(key), truth.get(key))
        broken = bool(state.breaks.get(key))
        if why and corrects and not (broken and _gave_up(history, key)):
            yield Violation(2, f"{key}: {why}, long after faults stopped")
        elif why and not corrects and not broken:
            yield Violation(2, f"{key}: {why}, and no break says so")
    for key in sorted(state.breaks):
        if not differ(book.get(key), truth.get(key)) and not _unsettled_price(state.breaks[key]):
            yield Violation(2, f"{key}: a break is open, and the two sides agree")


def _unsettled_price(breaks: object) -> bool:
    """A break of a price may be open where our own rule for prices, which is the laxer one, sees none."""
    return all(getattr(one, "field", None) == "price" for one in breaks)  # type: ignore[attr-defined]


def differ(held: Holding | None, row: BrokerPosition | None) -> str:
    """Why two sides of one key are not the same; '' where they are, as far as both report."""
    if held is None and row is None:
        return ""
    if held is None or row is None:
        return f"the book holds {held and held.signed_quantity}, the broker {row and row.signed_quantity}"
    if held.signed_quantity != row.signed_quantity:
        return f"the book holds {held.signed_quantity}, the broker {row.signed_quantity}"
    if held.price is not None and row.price is not None and not _near(held.price, row.price):
        return f"the book paid {held.price}, the broker says {row.price}"
    ours, theirs = held.stop, row.stop
    if ours is not None and theirs is not None and ours.price != theirs.price:
        return f"the book's stop is {ours.price}, the broker's {theirs.price}"
    return ""


def _near(ours: Decimal, theirs: Decimal) -> bool:
    """Within one unit of the coarser of the two scales, but at most a ten-thousandth apart."""
    coarser = max(int(ours.as_tuple().exponent), int(theirs.as_tuple().exponent))
    unit = Decimal(1).scaleb(min(coarser, 0))
    return abs(ours - theirs) <= max(unit, abs(theirs) / 10_000)


def _gave_up(history: History, key: Key) -> bool:
    """Whether a key was corrected as often as the policy allows, and came apart each time (L52)."""
    times = sum(made.key == key for made in history.made())
    return times >= history.state.policy.correction_attempts_max


# -- law 3 -------------------------------------------------------------------------------------------------


def _true_when_made(world: World, history: History) -> Iterator[Violation]:
    """(i) Every correction gave its key a value that the broker held between asked - lag and received."""
    for made in history.made():
        if made.said is None or made.said.received_ns is None:
            yield Violation(3, f"{made.key} was corrected by an answer that the broker never gave")
            continue
        values = _held_then(world, made)
        after = made.correction.after
        quantity = None if after is None else after.signed_quantity
        if quantity not in values:
            yield Violation(
                3, f"{made.key} was corrected to {quantity} at position {made.turn.position}; the broker held {values}"
            )


def _held_then(world: World, made: Made) -> list[Decimal | None]:
    """What the broker held of the key meanwhile."""
    assert made.said is not None
    assert made.said.received_ns is not None
    since_ns = made.said.first_ns - world.settings.lag_ms * MS
    key = true_key(made.key)
    found: list[Decimal | None] = []
    for rows in world.exchange.during(since_ns, made.said.received_ns):
        row = rows.get(key)
        found.append(None if row is None else row.signed_quantity)
    return found


def _right_by_fills_alone(world: World, history: History) -> Iterator[Violation]:
    """(ii) Once all messages have arrived, the book is right, and nothing is corrected any more."""
    if world.settings.bot != "fills" or world.agreed_position is None:
        return
    early = _of_no_fill(world, history)
    book: dict[Key, Decimal] = {}
    for key, quantity in quantities(history.at(world.agreed_position)).items():
        name = true_key(key)
        book[name] = book.get(name, Decimal(0)) + quantity
    truth = world.agreed_truth
    for key in sorted({*book, *truth} - early):
        if (book.get(key) or None) != truth.get(key):
            yield Violation(3, f"{key}: all fills were told, which make it {truth.get(key)}; the book: {book.get(key)}")
    for made in history.made():
        before, after = made.correction.before, made.correction.after
        sized = (before and before.signed_quantity) != (after and after.signed_quantity)
        if made.turn.position > world.agreed_position and true_key(made.key) not in early and sized:
            yield Violation(3, f"{made.key} was corrected at {made.turn.position}, though all fills had been told")


def _needless(world: World, history: History) -> Iterator[Violation]:
    """(ii), at any moment: nothing is corrected of which all fills had been told when the question was asked."""
    early = _of_no_fill(world, history)
    for position, key, lacked in world.needless:
        found = lacked and true_key(key) in world.early  # it was there before us, and no fill tells of it
        if true_key(key) not in early and not found:
            yield Violation(
                3, f"{key} was corrected at {position}, though all its fills had been told before it was asked"
            )


def _of_no_fill(world: World, history: History) -> set[Key]:
    """What existed before the first start, and is moved by fills that nobody can tell from those which made it: where
    there was no baseline to tell them apart, or an order was not written down before it was sent."""
    if history.state.baseline != "taken":
        return set(world.early)
    unsure = {order.symbol for order in world.orders if not order.recorded or not world.settings.names_clients}
    return {key for key, symbol in world.early.items() if symbol in unsure}


# -- law 13 ------------------------------------------------------------------------------------------------


def _nothing_invented(world: World, history: History) -> Iterator[Violation]:
    """Every price, owner, ticket and stop in the book was somebody's word."""
    exchange = world.exchange
    tickets = {*exchange.tickets, *(f"9{number}" for number in range(len(world.invented) + 1))}
    for made in history.made():
        after = made.correction.after
        if after is not None:
            yield from _known(world, after, tickets, f"the correction at {made.turn.position}")
    for key, slot in history.state.book.items():
        if slot.holding is not None:
            yield from _known(world, slot.holding, tickets, key)
    for key, row in exchange.rows.items():
        held = history.state.held(key)
        if held is not None and row.price is None and held.price == 0:
            yield Violation(13, f"{key}: a price of 0 that nobody stated (L36)")


def _known(world: World, held: Holding, tickets: set[str], where: str) -> Iterator[Violation]:
    exchange = world.exchange
    if held.symbol not in PRICES:
        yield Violation(13, f"{where}: {held.symbol} is no symbol, only another spelling of one")
        return
    prices = {*exchange.prices.get(held.symbol, ()), PRICES[held.symbol]}  # what the process made up costs that
    if held.price is not None and not (min(prices) <= held.price <= max(prices)):
        yield Violation(13, f"{where}: a price of {held.price} that nobody stated")
    if held.strategy not in ("mine", EXTERNAL):
        yield Violation(13, f"{where}: an owner {held.strategy} that nobody named")
    if held.ticket is not None and held.ticket not in tickets:
        yield Violation(13, f"{where}: a ticket {held.ticket} that nobody gave")
    if held.stop is not None and held.stop.price not in exchange.stops:
        yield Violation(13, f"{where}: a stop at {held.stop.price} that nobody set")
