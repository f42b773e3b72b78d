"""May an order that only reduces be sent now, although the gate is not open?

It may once the *live* position at the broker proves that it reduces: asked now, not believed (law 9, L22). A 404 is
flat, unreachable is no. The permit is journalled, and its quantity reserved, under the ledger's lock: of two threads
that ask for the last lot one gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from trueup import edge
from trueup.asking import Attempts, connection_of
from trueup.errors import InputError, JournalError
from trueup.explain import named
from trueup.facts import Fact, PermitGiven
from trueup.gate import BLOCKED, Gate, GateRefusal, Intent, Permit
from trueup.ledger import Asking, Ledger
from trueup.model import BrokerPosition, Moment, TradeSide, exact, plain, side_of, symbol_key, ticket_key
from trueup.ports import Answer, Broker, Clock, Question
from trueup.protection import closing_side
from trueup.reconciliation.order_inputs import still_held
from trueup.reconciliation.reducing import room
from trueup.reconciliation.state import State

NS: Final = 1_000_000_000
PROOF_TIMEOUT_S: Final = 5
PERMITS_MAX: Final = 1_000
"""Permits that may be out at once (law 12)."""
ROUNDS_MAX: Final = 100
"""Times that one proof asks the broker (law 12); its time-out ends it long before."""

Proof: TypeAlias = Permit | GateRefusal


class BlockingGate(Gate):
    """The gate of a `Reconciler`."""

    def __init__(self, gate: Gate, prove: Callable[[Intent, float], Proof]) -> None:
        """gate  what it takes the place of, as it stands"""
        self.__dict__.update(vars(gate))
        self._prove = prove

    def prove_reducing(self, intent: Intent, timeout_s: float = PROOF_TIMEOUT_S) -> Proof:
        """A permit for an order that only reduces, if the broker's live position proves it within `timeout_s`.

        Asks the broker now; what it answers is journalled like any other answer. Subtracts working orders on the
        closing side (the book's and the broker's), our own actions, and other permits. The permit reserves its
        quantity until `record` sees its order (by `Intent.client_order_id`, else by symbol, side and quantity), or
        `permit_ms_max` has passed: record the order as `pending` first, then send it. Any thread may call.

        Raises InputError for a cancel, which needs no permit, or a quantity that is none.
        """
        return self._prove(intent, timeout_s)


class AwaitableGate(Gate):
    """The gate of an `AsyncReconciler`."""

    def __init__(self, gate: Gate, prove: Callable[[Intent, float], Coroutine[Any, Any, Proof]]) -> None:
        """gate  what it takes the place of, as it stands"""
        self.__dict__.update(vars(gate))
        self._prove = prove

    async def prove_reducing(self, intent: Intent, timeout_s: float = PROOF_TIMEOUT_S) -> Proof:
        """As `BlockingGate.prove_reducing`, awaited on the caller's loop."""
        return await self._prove(intent, timeout_s)


class _Wanted(msgspec.Struct, frozen=True):
    """An intent, checked, its symbol by its one name (L33)."""

    symbol: str
    side: TradeSide
    quantity: Decimal
    ticket: str | None
    strategy: str | None
    client_order_id: str | None

    @classmethod
    def of(cls, intent: Intent, state: State) -> _Wanted:
        """Raises InputError for a quantity that is none."""
        quantity = exact(intent.quantity, what="Intent.quantity")
        if quantity <= 0:
            raise InputError(f"Intent.quantity is {quantity}; it must be greater than 0, the side says the direction")
        ticket = intent.ticket if state.mode == "hedging" else None
        symbol = state.policy.canonical(intent.symbol)
        return cls(symbol, intent.side, quantity, ticket, intent.strategy, intent.client_order_id)

    @property
    def name(self) -> str:
        return named(self.symbol, self.ticket)

    def permit(self, at: Moment, live: Decimal, proof: int) -> PermitGiven:
        return PermitGiven(
            at, self.symbol, self.side, self.quantity, live, proof, self.ticket, self.strategy, self.client_order_id
        )


class _Later(msgspec.Struct, frozen=True):
    """Not by this answer, which may be older than the last fill; a later one will tell."""

    refusal: GateRefusal
    wait_ns: int


class Prover:
    """Fetches proofs for one account."""

    def __init__(self, ledger: Ledger, broker: Broker, clock: Clock) -> None:
        self._ledger = ledger
        self._broker = broker
        self._clock = clock

    async def prove(self, intent: Intent, timeout_s: float) -> Proof:
        """See `BlockingGate.prove_reducing`."""
        if intent.kind == "cancel":
            raise InputError("a cancel needs no permit: gate.check lets every cancel pass")
        wanted = _Wanted.of(intent, self._ledger.state)
        if (refused := self._hopeless(wanted)) is not None:
            return refused
        deadline_ns = self._clock.monotonic_ns() + int(timeout_s * NS)
        attempts = Attempts(self._broker, self._clock, deadline_ns)
        try:
            for _ in range(ROUNDS_MAX):
                found = await self._round(wanted, attempts)
                if not isinstance(found, _Later):
                    return found
                if found.wait_ns >= attempts.left_ns():
                    return found.refusal
                await self._clock.sleep(found.wait_ns / NS)
        except JournalError as error:
            return self._refused(wanted, f"the journal cannot be written: {error}", "the journal being writable again")
        return self._refused(wanted, f"asked {ROUNDS_MAX} times, and the book keeps changing", "a moment of quiet")

    def _hopeless(self, wanted: _Wanted) -> GateRefusal | None:
        """What no answer could change."""
        state = self._ledger.state
        if state.mode == "hedging" and wanted.ticket is None:
            return self._refused(
                wanted, "this account is hedging: the order must name the ticket that it reduces", "Intent.ticket"
            )
        if len(state.permits) >= PERMITS_MAX and len(still_held(state, self._ledger.now())) >= PERMITS_MAX:
            return self._refused(wanted, f"{PERMITS_MAX} permits are out", "one of them being used, or lapsing")
        return None

    async def _round(self, wanted: _Wanted, attempts: Attempts) -> Proof | _Later:
        """Ask once, with all attempts, and judge by that answer."""
        ledger = self._ledger
        asking, before = ledger.asking(), self._broker.connections
        answer, tried = await attempts.answer(Question(surface="positions"), ledger.state.policy, None, None)
        connection = connection_of(before, self._broker.connections)
        committed = ledger.observe(
            "positions", answer, asking, attempts=tried, pass_kind="proof", connection=connection
        )
        row = self._row(wanted, answer)
        if isinstance(row, GateRefusal):
            return row
        return self._reserve(wanted, row, asking, committed.first)

    def _row(self, wanted: _Wanted, answer: Answer) -> BrokerPosition | GateRefusal:
        """The live position, as the answer states it."""
        if answer.completeness not in ("complete", "partial"):
            why = f"the broker was not heard, which proves nothing: {answer.why}"
            return self._refused(wanted, why, "the broker answering")
        state, name = self._ledger.state, wanted.name
        rows, refused = edge.canonical_rows(answer.positions, state.mode, state.policy)
        key = symbol_key(wanted.symbol) if state.mode == "netting" else ticket_key(wanted.ticket or "")
        row = rows.get(key)
        if row is None:
            canonical = state.policy.canonical
            refusals = (*answer.refused, *refused)
            doubt = [one for one in refusals if one.symbol is None or canonical(one.symbol) == wanted.symbol]
            if answer.completeness == "complete" and not doubt:
                return self._refused(wanted, f"the broker holds no {name}: there is nothing to reduce", "a position")
            why = doubt[0].why if doubt else answer.why
            return self._refused(wanted, f"the answer does not state {name}, and is not whole: {why}", "a whole answer")
        if (broken := edge.unusable(key, row, state.mode)) is not None:
            return self._refused(wanted, f"the broker's row of {name} cannot be used: {broken}", "a usable row")
        if row.symbol != wanted.symbol:
            return self._refused(wanted, f"ticket {wanted.ticket} is a position in {row.symbol}", "the right ticket")
        if closing_side(row) != wanted.side:
            why = f"the broker holds {side_of(row.signed_quantity)} {name}: a {wanted.side} would add to it"
            return self._refused(wanted, why, "an order on the other side")
        return row

    def _reserve(self, wanted: _Wanted, row: BrokerPosition, asking: Asking, proof: int) -> Proof | _Later:
        """Give the permit, if there is room for it: judged and journalled under one lock."""
        found: list[_Later | GateRefusal] = []

        def judged(state: State, now: Moment) -> list[Fact]:
            if asking.moment.epoch != now.epoch:
                found.append(self._refused(wanted, "the account was claimed anew meanwhile", "asking again"))
                return []
            left = room(state, row, asking.moment, now, order=wanted.client_order_id)
            if left.free >= wanted.quantity:
                return [wanted.permit(now, left.live, proof)]
            why = f"{plain(wanted.quantity)} is too much: {left.told()}"
            refused = self._refused(wanted, why, "those orders ending: cancels always pass")
            again = left.free_settled >= wanted.quantity and left.settles_ns > 0
            found.append(_Later(refused, left.settles_ns) if again else refused)
            return []

        committed = self._ledger.judged(judged)
        if found:
            return found[0]
        return Permit(
            position=committed.first,
            symbol=wanted.symbol,
            side=wanted.side,
            quantity=wanted.quantity,
            live=row.signed_quantity.copy_abs(),
            lasts_ms=self._ledger.state.policy.permit_ms_max,
            ticket=wanted.ticket,
            client_order_id=wanted.client_order_id,
        )

    def _refused(self, wanted: _Wanted, reason: str, release: str) -> GateRefusal:
        return GateRefusal(BLOCKED, wanted.name, reason, self._clock.wall_ns(), release)
