"""Did every correction rest on what was really answered, often enough, and long enough after the last change?

Law 4. The answers are the world's own memory of what it said; how many of them are independent is counted here
anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from trueup.decisions import BaselineTaken
from trueup.facts import CommandGiven, FillRecorded, Observed, OrderRecorded, PositionRecorded
from trueup.model import BrokerPosition, Holding, Key, Moment, OrderStatus
from trueup.reconciliation.state import State
from trueup.simulation.check_values import Violation
from trueup.simulation.history import History, Made, Rows, Turn, apart_ns, witnesses
from trueup.simulation.loop import MS, NS
from trueup.simulation.scenario import RENAMED

if TYPE_CHECKING:
    from trueup.simulation.world import World

Claim: TypeAlias = tuple[object, ...] | None


def check_evidence(world: World, history: History) -> Iterator[Violation]:
    """Law 4."""
    yield from _answers_as_given(world, history)
    for made in history.made():
        yield from _well_founded(world, history, made)
    yield from _no_mass_closing(history)
    yield from _one_baseline(history)


# -- what the journal holds is what was said -----------------------------------------------------------------


def _answers_as_given(world: World, history: History) -> Iterator[Violation]:
    """Every observation is one answer, as it was given, asked for when it was; no failure became an answer (L01)."""
    for turn in history.turns:
        fact = turn.fact
        if not isinstance(fact, Observed):
            continue
        said = history.said.get(turn.position)
        usable = fact.completeness in ("complete", "partial")
        if said is None or said.answer is None:
            if usable:
                yield Violation(4, f"position {turn.position} is a {fact.completeness} answer that nobody gave")
            continue
        if fact.completeness == "complete" and said.answer.completeness != "complete":
            yield Violation(4, f"position {turn.position} calls a {said.answer.completeness} answer complete")
        if usable and said.answer.completeness == "failed":
            yield Violation(4, f"position {turn.position} makes an answer of a failure")
        if said.first_ns > said.asked_ns:
            yield Violation(4, f"position {turn.position} says that it was asked later than it was")
        if fact.surface == "positions" and fact.completeness == "complete":
            yield from _rows_as_given(world, history, turn, said.answer.positions)


def _rows_as_given(world: World, history: History, turn: Turn, given: Rows) -> Iterator[Violation]:
    rows = history.answers[turn.position][1]
    told: dict[Key, tuple[Decimal, str | None]] = {}
    for key, row in given.items():
        name = "EURUSD" if key == RENAMED else key
        told[name] = (row.signed_quantity, row.ticket)
    kept = {key: (row.signed_quantity, row.ticket) for key, row in rows.items()}
    if told != kept:
        yield Violation(4, f"position {turn.position} holds other rows than the broker stated: {kept}, not {told}")


# -- each correction -----------------------------------------------------------------------------------------


def _well_founded(world: World, history: History, made: Made) -> Iterator[Violation]:
    """Enough independent answers that say so, all asked for after the book's side had settled."""
    turn, key = made.turn, made.key
    fact = turn.fact
    where = f"{made.correction.kind} of {key} at {turn.position}"
    if not isinstance(fact, Observed) or turn.position not in history.answers:
        yield Violation(4, f"{where}: no answer about positions caused it")
        return
    row = history.answers[turn.position][1].get(key)
    if row is None and fact.completeness != "complete":
        yield Violation(4, f"{where}: a partial answer proves no absence")
    if (row is None) != (made.correction.after is None):
        yield Violation(4, f"{where}: the answer says otherwise")
    policy = turn.before.policy
    lag_ns = _lag_ns(turn.before)
    spacing_ns = max(policy.confirm_interval_ms * MS, lag_ns)
    settle_ns = _settle_ns(turn.before)
    chain = _chain(history, made)
    needed = policy.confirmations if made.correction.kind == "ghost" else 2
    if made.correction.kind == "ghost" and _is_total(turn, history):
        needed = max(needed, policy.confirmations_total)
        if chain and apart_ns(chain[0].asked, chain[-1].asked) < policy.total_absence_s * NS:
            yield Violation(4, f"{where}: a small book is gone whole for less than {policy.total_absence_s} s")
    found = witnesses(chain, spacing_ns)
    if found < needed:
        yield Violation(4, f"{where}: {found} independent, settled answers say so, {needed} are needed")
    flying = _in_flight(history, made, settle_ns)
    if flying:
        yield Violation(4, f"{where}: order {flying} on its symbol was in flight")


def _lag_ns(state: State) -> int:
    own = state.policy.lag_ms_max.get("positions")
    declared = dict(state.lag_ms).get("positions", 15_000)
    return (declared if own is None else own) * MS


def _settle_ns(state: State) -> int:
    return max(_lag_ns(state), (state.policy.settle_ms or 0) * MS)


def _chain(history: History, made: Made) -> list[Observed]:
    """The answers that say the very same of the key, back to the last change of it on either side; oldest first."""
    key, fields = made.key, _changed(made.correction.before, made.correction.after)
    wanted = _claim(history.answers[made.turn.position][1].get(key), fields)
    found: list[Observed] = []
    for place in range(made.place, -1, -1):
        turn = history.turns[place]
        known = _known_before(turn, key)
        if place < made.place and _held(turn.before, known, fields) != _held(turn.after, key, fields):
            break  # what was said before that was said of another book
        if turn.position in history.answers:
            observed, rows = history.answers[turn.position]
            row = rows.get(key)
            if row is None and observed.completeness != "complete":
                continue
            if _claim(row, fields) != wanted:
                break
            slot = turn.before.slot(known)
            if slot is None or apart_ns(slot.changed, observed.asked) >= _settle_ns(turn.before):
                found.append(observed)
        if known != key:
            break  # before that nobody knew whose ticket it was
    found.reverse()
    return found


def _known_before(turn: Turn, key: Key) -> Key:
    """The name of a key before a turn in which it was recognised."""
    named = (getattr(one, "unbound", None) for one in turn.decisions if getattr(one, "key", None) == key)
    return next((str(name) for name in named if name is not None), key)


def _held(state: State, key: Key, fields: tuple[str, ...]) -> Claim:
    """What the book holds of a key, in these fields."""
    held = state.held(key)
    return None if held is None else tuple(getattr(held, name) for name in fields)


def _symbol_of(made: Made) -> str:
    one = made.correction.after or made.correction.before
    assert one is not None
    return one.symbol


def _changed(before: Holding | None, after: Holding | None) -> tuple[str, ...]:
    """The fields that a correction changed."""
    if before is None or after is None:
        return ("signed_quantity",)
    return tuple(
        name
        for name in ("signed_quantity", "price", "stop")
        if getattr(before, name) is not None and getattr(before, name) != getattr(after, name)
    )


def _claim(row: BrokerPosition | None, fields: tuple[str, ...]) -> Claim:
    """What an answer says of a key, in these fields; None: that it is not there."""
    return None if row is None else tuple(getattr(row, name) for name in fields)


def _in_flight(history: History, made: Made, settle_ns: int) -> str:
    """An order on the symbol that was recorded as pending and not ended when the question was asked; '' for none."""
    fact = made.turn.fact
    assert isinstance(fact, Observed)
    symbol = _symbol_of(made)
    policy = made.turn.before.policy
    pending: dict[str, Moment] = {}
    ended: tuple[str, Moment] | None = None
    for turn in history.turns[: made.place]:
        one = turn.fact
        for name in [name for name in pending if turn.after.orders.get(name) is None]:
            del pending[name]  # by its fills, or the broker's own word
        if isinstance(one, OrderRecorded) and one.symbol == symbol:
            if one.status is OrderStatus.PENDING:
                pending.setdefault(one.client_order_id, one.at)
            elif pending.pop(one.client_order_id, None) is not None and _is_pending(turn.before, one.client_order_id):
                ended = one.client_order_id, one.at
    if ended is not None and apart_ns(ended[1], fact.asked) < settle_ns:
        return ended[0]  # the last one ended too shortly before
    for name, since in pending.items():
        if not _is_pending(made.turn.before, name):
            continue  # its fills, or the broker's own word, ended it
        if since.epoch == fact.asked.epoch and 0 <= apart_ns(since, fact.asked) <= policy.in_flight_s_max * NS:
            return name
        if since.epoch < fact.asked.epoch and fact.asked.tick_ns < settle_ns:
            return name
    return ""


def _one_baseline(history: History) -> Iterator[Violation]:
    """The baseline needs one answer only: so it is the first one that was complete, before anything was recorded."""
    first = True
    for turn in history.turns:
        fact = turn.fact
        if any(isinstance(one, BaselineTaken) for one in turn.decisions) and not first:
            yield Violation(4, f"a baseline was taken at {turn.position}, and it was not the first thing to be known")
        whole = isinstance(fact, Observed) and fact.surface == "positions" and fact.completeness == "complete"
        first = first and not whole and not isinstance(fact, FillRecorded | OrderRecorded | PositionRecorded)


def _is_pending(state: State, name: str) -> bool:
    slot = state.orders.get(name)
    return slot is not None and slot.order.status is OrderStatus.PENDING


# -- many at once --------------------------------------------------------------------------------------------


def _window(turn: Turn, history: History) -> tuple[int, int]:
    """(the largest book at complete answers of the window, keys closed as ghosts in it), this answer's included."""
    fact = turn.fact
    window_ns = turn.before.policy.mass_absence_window_s * NS
    largest, closed = len(turn.before.book), 0
    for other in history.turns:
        if other.position > turn.position:
            break
        if apart_ns(other.fact.at, fact.at) > window_ns or _truly_ns(history, other, turn) > window_ns:
            continue  # by either clock: one that was set back brings nothing of the past back into the window
        if other.position in history.answers and history.answers[other.position][0].completeness == "complete":
            largest = max(largest, len(other.before.book))
        if other.position < turn.position:
            closed += sum(_is_ghost(one) and key not in other.before.acknowledged for key, one in _corrected(other))
    return largest, closed


def _truly_ns(history: History, earlier: Turn, later: Turn) -> int:
    """How much time really passed between two answers; 0 where one of them is none."""
    first, second = history.said.get(earlier.position), history.said.get(later.position)
    if first is None or second is None or first.received_ns is None or second.received_ns is None:
        return 0
    return second.received_ns - first.received_ns


def _corrected(turn: Turn) -> Iterator[tuple[Key, object]]:
    for one in turn.decisions:
        correction = getattr(one, "correction", None)
        if correction is not None:
            yield getattr(one, "key", ""), correction


def _is_ghost(correction: object) -> bool:
    return getattr(correction, "kind", "") == "ghost"


def _missing(turn: Turn, history: History) -> list[Key]:
    """What the book holds and this answer does not list, as the book stands when the answer is judged."""
    rows = history.answers[turn.position][1]
    bound = {getattr(one, "unbound", None) for one in turn.decisions}
    return [key for key in turn.before.book if key not in rows and key not in bound]


def _is_total(turn: Turn, history: History) -> bool:
    """Whether a small book was gone whole, and nobody had said that it really was."""
    largest, closed = _window(turn, history)
    missing = _missing(turn, history)
    if any(isinstance(other.fact, CommandGiven) for other in history.turns if other.position < turn.position):
        return False
    return largest < turn.before.policy.mass_absence_count_min and len(missing) + closed >= largest


def _no_mass_closing(history: History) -> Iterator[Violation]:
    """No ghost is closed while more than the allowed part of the book is gone at once (L02, L03)."""
    for turn in history.turns:
        released = turn.before.acknowledged  # by an operator, or because the deals explain them one by one
        ghosts = [key for key, one in _corrected(turn) if _is_ghost(one) and key not in released]
        if not ghosts or turn.position not in history.answers:
            continue
        policy = turn.before.policy
        acknowledged = turn.after.acknowledged | turn.before.acknowledged
        missing = [key for key in _missing(turn, history) if key not in acknowledged]
        largest, closed = _window(turn, history)
        if not missing or largest < policy.mass_absence_count_min:
            continue
        if len(missing) + closed > policy.mass_absence_fraction_max * largest:
            yield Violation(
                4, f"{len(ghosts)} ghosts were closed at {turn.position}, while {len(missing)} of {largest} are gone"
            )
