"""How is an action put to Alpaca, once, and never past the position that there is?

Closing goes by POST /v2/orders with a client id and an intent, and not by DELETE /v2/positions: that one carries no
client id, so nobody could say afterwards whether it was done (law 6; decision 71).
"""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import quote

from trueup.model import symbol_key
from trueup.ports import Action, Answer, Clock, Outcome, Question
from trueup_adapters.alpaca.asking import Asking, is_uuid
from trueup_adapters.alpaca.orders import Reading
from trueup_adapters.alpaca.outcomes import canceled, is_taken, not_sent, placed, unknown
from trueup_adapters.alpaca.positions import Position, read_positions
from trueup_adapters.alpaca.sending import exceeds, order_body
from trueup_adapters.alpaca.transport import Transport, Urgent


class Acting:
    """The actions on one account. Every method may raise NoReply."""

    def __init__(self, transport: Transport, reading: Reading, clock: Clock, stop_limit_slack: Decimal | None) -> None:
        self._transport = transport
        self._urgent = Urgent(transport)
        self._asking = Asking(self._urgent, reading, clock)
        self._reading = reading
        self._slack = stop_limit_slack

    async def cancel(self, action: Action) -> Outcome:
        """DELETE /v2/orders/{id}; an order known by its client id alone is looked up first."""
        order_id = action.order_id
        if not order_id:
            found = await self._asking.order(Question(surface="order", client_order_id=action.target))
            if found.completeness == "complete" and not found.orders:
                return not_sent(f"there is no order of client id {action.target} at Alpaca")
            if len(found.orders) != 1 or found.orders[0].order_id is None:
                return unknown(f"not sent: the order {action.target} could not be looked up: {found.why}")
            order_id = found.orders[0].order_id
        if not is_uuid(order_id):  # `/v2/orders/.` is all of them
            return not_sent(f"{order_id!r} is no id of an order at Alpaca")
        return canceled(await self._transport.delete(f"/v2/orders/{quote(order_id, safe='')}"), order_id)

    async def order(self, action: Action) -> Outcome:
        """A protective stop, or a market order that closes: looked up first, sent once (L22)."""
        held = await self._held(action.symbol)
        if isinstance(held, Answer):
            return unknown(f"not sent: the position could not be looked up: {held.why}")
        if why := exceeds(action, held):
            return await self._unless_done(action, not_sent(why))
        assert held is not None
        body = order_body(action, held, self._slack)
        if isinstance(body, str):
            return not_sent(body)
        reply = await self._transport.post("/v2/orders", body)
        outcome = placed(reply, action)
        if is_taken(reply):
            taken = unknown("there is an order of that client id, and Alpaca does not show it")
            outcome = await self._unless_done(action, taken)
        if outcome.state == "unknown":
            self._transport.lost()  # no look-up is known to be answered behind it (law 6)
        return outcome

    async def _held(self, symbol: str) -> Position | Answer | None:
        """The live position in a symbol, None where it is flat; the answer that says why nobody can tell.

        By the list: Alpaca has been seen to deny a pair's position by name while it listed it.
        """
        reply = await self._urgent.get("/v2/positions")
        judged = read_positions(reply, self._reading.symbols)
        if isinstance(judged, Answer):
            return judged
        held = judged.positions.get(symbol_key(symbol))
        unread = [refusal.why for refusal in judged.refused if refusal.symbol in (symbol, None)]
        if held is None and unread:
            return Answer(completeness="partial", why=f"its row, or one that may be its, cannot be used: {unread[0]}")
        return held

    async def _unless_done(self, action: Action, otherwise: Outcome) -> Outcome:
        """What to say of an action that is not sent: that it was done before, where its client id is found (L21)."""
        found = await self._asking.order(Question(surface="order", client_order_id=action.client_id))
        if found.orders:
            order = found.orders[0]
            why = f"Alpaca has it since before: the order is {order.status.value}"
            return Outcome(state="acknowledged", why=why, order_id=order.order_id, raw=found.raw)
        if found.completeness != "complete":
            return unknown(f"{otherwise.why}; and whether it was sent before could not be looked up: {found.why}")
        return otherwise
