"""What does an operator's `adopt` or `close` make of an open break?

`adopt` takes the broker's word now, from the last complete answer; `close` closes what provably is not there, or, said
so, what an operator knows to be gone. Both go through the same corrections as any other, and invent nothing (law 13):
a broker that was not heard lately, a book that changed meanwhile, a row that is there, are refusals with a sentence.
Pure.
"""

from __future__ import annotations

from msgspec.structs import replace

from trueup.compare import Difference, compare_row
from trueup.decisions import BreakMoved, BreakState, Correction, OrderCorrection, Step
from trueup.explain import described, named
from trueup.facts import CommandGiven
from trueup.model import BrokerOrder, Key, elapsed_ns
from trueup.orders import said_order, with_terms
from trueup.reconciliation.deciding import Deciding, judged
from trueup.reconciliation.identity import break_id, correction_id, order_correction_id
from trueup.reconciliation.order_absence import ended
from trueup.reconciliation.order_inputs import named as ours
from trueup.reconciliation.order_lifecycle import corrected, too_soon
from trueup.reconciliation.orphans import adoption
from trueup.reconciliation.remedies import Ready, correct, why_closed
from trueup.reconciliation.settling import unsettled
from trueup.reconciliation.state import Break, Slot, State
from trueup.reconciliation.targets import Target, not_heard


def adopt(deciding: Deciding, fact: CommandGiven, found: Target) -> str | None:
    """Take the broker's word for an open break; why not, where that cannot be."""
    if found.of == "order":
        return _adopt_order(deciding, fact, found)
    return _adopt_position(deciding, fact, found)


def close(deciding: Deciding, fact: CommandGiven, found: Target, *, unproven: bool) -> str | None:
    """Close in the book what the broker has not; why not, where that cannot be."""
    ghost = next((one for one in found.breaks if one.kind == "ghost"), None)
    if ghost is None:
        kind = found.breaks[0].kind
        return (
            f"{found.title} is a {kind}: the broker has it. `adopt` takes its word, `close --at-broker` ends it there"
        )
    if found.of == "order":
        return _close_order(deciding, fact, found, ghost, unproven=unproven)
    return _close_position(deciding, fact, found, ghost, unproven=unproven)


# -- positions ---------------------------------------------------------------------------------------------


def _adopt_position(deciding: Deciding, fact: CommandGiven, found: Target) -> str | None:
    state, key = deciding.state, found.key
    if (why := not_heard(state, "positions")) is not None:
        return why
    row = state.view().rows.get(key)
    if row is None:
        return f"the broker's last complete answer does not list {found.title}: `close` closes it in the book"
    slot = state.book.get(key)
    asked = state.view().complete_asked
    waits = unsettled(state, slot or state.slot(key), row.symbol, asked, state.settle_ns("positions"))
    if waits is not None:
        return f"{waits}: the next pass will tell"
    differences = {one.field: one for one in compare_row(None if slot is None else slot.holding, row, state.policy)}
    meant = {one.field: one for one in found.breaks if one.field in differences}
    ready = {field: differences[field] for field in differences if field in meant or _is_pair(field, set(meant))}
    if not ready:
        return f"the two sides agree on {found.title} by now: the next pass will say so"
    by = _by(fact, "adopted")
    steps = [_step(state, key, meant.get(field), ready[field], by) for field in sorted(ready, key=str)]
    counts = [Ready(ready[field], max(1, _count(meant.get(field)))) for field in ready]
    made = correct(state, key, slot or state.slot(key), row, counts)
    _moved(deciding, found, steps, correction=replace(made, why=f"{by}; {made.why}"))
    return None


def _is_pair(field: str | None, meant: set[str | None]) -> bool:
    """Side and quantity are one claim, and corrected as one."""
    return field in ("side", "quantity") and bool(meant & {"side", "quantity"})


def _count(known: Break | None) -> int:
    return 0 if known is None else known.sightings.count


def _step(state: State, key: Key, known: Break | None, found: Difference, why: str) -> Step:
    identity = break_id(state, "position", key, found.field) if known is None else known.id
    return Step(identity, found.kind, found.field, "corrected", found.book, found.broker, _count(known), why)


def _close_position(
    deciding: Deciding, fact: CommandGiven, found: Target, ghost: Break, *, unproven: bool
) -> str | None:
    state, key = deciding.state, found.key
    slot = state.book.get(key)
    if slot is None or slot.holding is None:  # an answer that lists it again has ended the break already
        return f"the two sides agree on {found.title} by now: the next pass will say so"
    if not unproven and (doubt := _doubt(state, key, slot, ghost)) is not None:
        return f"{doubt}; if you know that it is gone, say `--unproven`"
    proof = "" if not unproven else ", unproven"
    why = f"{_by(fact, f'closed{proof}')}; {named(ghost.symbol, ghost.ticket)}, {described(slot.holding)}, is gone"
    exit_reason = why_closed(state, slot.holding)
    correction = Correction(correction_id(state, key, slot, None), "ghost", slot.holding, None, why, exit_reason)
    steps = [_over(ghost, "corrected", _by(fact, f"closed{proof}"))]
    _moved(deciding, found, steps, correction=correction)
    return None


def _doubt(state: State, key: Key, slot: Slot, ghost: Break) -> str | None:
    """Why it is not proven that a position is gone; None when it is (law 4)."""
    if state.hold is not None and key in state.hold.missing:
        return "too much vanished at once, and nothing of it is proven: `ack mass-absence` speaks for all of it"
    if ghost.state not in ("confirmed", "escalated"):
        return f"its absence is not proven yet: {ghost.why}"
    if elapsed_ns(ghost.sightings.last_received, slot.changed) > 0:
        return "the book changed it after the answers that lacked it"
    return not_heard(state, "positions")


# -- orders ------------------------------------------------------------------------------------------------


def _adopt_order(deciding: Deciding, fact: CommandGiven, found: Target) -> str | None:
    state, key = deciding.state, found.key
    if (why := not_heard(state, "open_orders")) is not None:
        return why
    row = _row(state, key)
    if row is None:
        return f"the broker's last complete list does not show {found.title}: `close` ends it in the book"
    by, count = _by(fact, "adopted"), max(1, found.breaks[0].sightings.count)
    if key.startswith("@"):
        made = adoption(state, row, count)
        steps = [_over(found.breaks[0], "corrected", by)]
        _moved(deciding, found, steps, order_correction=replace(made, why=f"{by}; {made.why}"))
        return None
    slot = state.order(key)
    assert slot is not None
    asked, settle_ns = state.view("open_orders").complete_asked, state.settle_ns("open_orders")
    if (waits := too_soon(slot.changed, asked, settle_ns)) is not None:
        return f"{waits}: the next pass will tell"
    meant = [one for one in found.breaks if one.kind == "drift"]
    fields: set[str | None] = {one.field for one in meant}
    after = with_terms(slot.order, row, fields)
    after = replace(after, status=row.status) if "status" in fields else after
    if after == slot.order:
        return f"the two sides agree on {found.title} by now: the next pass will say so"
    steps = [_over(one, "corrected", by) for one in meant]
    made = corrected(state, slot, after, steps)
    _moved(deciding, found, steps, order_correction=replace(made, why=f"{by}; {made.why}"))
    return None


def _row(state: State, key: Key) -> BrokerOrder | None:
    """The broker's row of an order, by the key of its breaks."""
    rows = state.view("open_orders").orders
    if key.startswith("@"):
        return rows.get(key[1:])
    return next((rows[ref] for ref in sorted(rows) if ours(state, rows[ref]) == key), None)


def _close_order(deciding: Deciding, fact: CommandGiven, found: Target, ghost: Break, *, unproven: bool) -> str | None:
    state, name = deciding.state, found.key
    slot = state.orders.get(name)
    if slot is None or _row(state, name) is not None:
        return f"{found.title} has ended by now, or the broker lists it again: the next pass will say so"
    if not unproven and (ghost.state not in ("confirmed", "escalated")):
        return f"its absence is not proven yet: {ghost.why}; if you know that it is gone, say `--unproven`"
    by = _by(fact, "closed" if not unproven else "closed, unproven")
    after = ended(slot.order)
    why = f"{by}; order {name} on {slot.order.symbol}, {said_order(slot.order)}, is not at the broker"
    made = OrderCorrection(order_correction_id(state, name, slot.position, after), "ghost", slot.order, after, why)
    _moved(deciding, found, [_over(ghost, "corrected", by)], order_correction=made)
    return None


# -- what both share ---------------------------------------------------------------------------------------


def _by(fact: CommandGiven, what: str) -> str:
    return f"{what} by {fact.who} ({fact.why})"


def _over(one: Break, state: BreakState, why: str) -> Step:
    return Step(one.id, one.kind, one.field, state, one.book, one.broker, one.sightings.count, why)


def _moved(
    deciding: Deciding,
    found: Target,
    steps: list[Step],
    *,
    correction: Correction | None = None,
    order_correction: OrderCorrection | None = None,
) -> None:
    """The decision, and what follows from it for quarantine, like from any other."""
    one, view = found.breaks[0], deciding.state.view("positions" if found.of == "position" else "open_orders")
    proof = {position for known in found.breaks for position in known.sightings.proof}
    moved = BreakMoved(
        deciding.cause,
        deciding.at_ns,
        deciding.state.policy_mark,
        found.of,
        found.key,
        one.symbol,
        one.ticket,
        tuple(steps),
        tuple(sorted({*proof, view.position, deciding.cause} - {0})),
        correction,
        order_correction,
    )
    deciding.emit([moved])
    judged(deciding, [moved])
