"""Where may one order be, and how is it found by its id or by its client id?

Exchanges keep working and ended orders, and those that wait for a price, in different lists, and few find an order by
its client id. Each place is asked in turn; only when all have answered without it is it "not found" (L04, L06).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueup.model import BrokerOrder
from trueup.ports import Question
from trueup_adapters.ccxt.exchange import Exchange, Offers, may_go_on, method_of
from trueup_adapters.ccxt.faults import meaning_of
from trueup_adapters.ccxt.hearing import NoAnswer, decoded, hearing, is_quoted
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.rows import Row, id_cell, list_in, row_in


class LookUp:
    """One look-up of one order."""

    def __init__(
        self,
        exchange: Exchange,
        reading: Reading,
        offers: Offers,
        scopes: Sequence[Mapping[str, object]],
        question: Question,
    ) -> None:
        """Asks nothing yet."""
        self._exchange = exchange
        self._reading = reading
        self._offers = offers
        self._scopes = scopes
        self._order_id = question.order_id
        self._client_id = question.client_order_id
        self.may_go_on = False
        """Whether a list in which it was not found may have had more pages (L05)."""
        self.variant: Mapping[str, object] = {}
        """With which parameters it was found; a cancel needs the same."""

    def is_it(self, order: BrokerOrder) -> bool:
        """Whether this is the order that was asked for: every id that was given is its own."""
        by_id = self._order_id is None or order.order_id == self._order_id
        return by_id and (self._client_id is None or order.client_order_id == self._client_id)

    async def rows(self, symbols: Sequence[str | None]) -> list[Row]:
        """The order's row, or none. Raises whatever ccxt raises, but for "not found"."""
        for symbol in symbols:
            for scope in self._scopes:
                row = await self._in(symbol, scope)
                if row is not None:
                    return [row]
        return []

    async def _in(self, symbol: str | None, scope: Mapping[str, object]) -> Row | None:
        if self._order_id is None and not self._offers.by_client_id:
            return await self._listed(self._offers.order_variants, symbol, scope)
        row = await self._directly(symbol, scope)
        if row is not None:
            return row
        apart = [variant for variant in self._offers.order_variants if variant not in self._offers.fetch_variants]
        return await self._listed(apart, symbol, scope) if apart else None

    async def _directly(self, symbol: str | None, scope: Mapping[str, object]) -> Row | None:
        """The order, by the methods that fetch one of them."""
        named = {} if self._order_id is not None else {"clientOrderId": self._client_id}
        one = str(self._order_id or self._client_id)
        single = self._order_id is None or "fetchOrder" in self._offers.by_id
        for method in ("fetchOrder",) if single else ("fetchOpenOrder", "fetchClosedOrder"):
            for variant in self._offers.fetch_variants:
                row = await self._fetched(method, one, symbol, {**scope, **variant, **named})
                if row is not None:
                    self.variant = variant
                    return row
        return None

    async def _fetched(self, method: str, one: str, symbol: str | None, params: Mapping[str, object]) -> Row | None:
        """One order by one method; None where the exchange says that it does not know it."""
        with hearing() as heard:
            try:
                answer = await method_of(self._exchange, method)(one, symbol, dict(params))
            except Exception as error:
                if meaning_of(error) != "not found":
                    raise
                if not is_quoted(heard, error):  # ccxt found nothing in the reply, which had better be one
                    decoded(heard, empty=True)
                return None
        row = row_in(answer)
        if row is None:
            raise NoAnswer(f"ccxt made a {type(answer).__name__} of the reply, not an order")
        return row

    async def _listed(
        self, variants: Sequence[Mapping[str, object]], symbol: str | None, scope: Mapping[str, object]
    ) -> Row | None:
        """The order, out of the lists of working and of ended orders."""
        limit = self._offers.orders_limit
        asks = [("fetchOpenOrders", variant) for variant in variants]
        asks += [(m, v) for m in self._offers.ended[:1] for v in variants if v in self._offers.ended_variants]
        for method, variant in asks:
            with hearing() as heard:
                answer = await method_of(self._exchange, method)(symbol, None, limit, {**scope, **variant})
            listed = list_in(answer)
            if listed is None:
                raise NoAnswer(f"ccxt made a {type(answer).__name__} of the reply, not a list of orders")
            decoded(heard, empty=not listed)
            for one in listed:
                row = row_in(one)
                if row is not None and self._names(row):
                    self.variant = variant
                    return row
            self.may_go_on = self.may_go_on or may_go_on(len(listed), limit)
        return None

    def _names(self, row: Row) -> bool:
        if self._order_id is not None:
            return id_cell(row.get("id"), "id") == self._order_id
        return id_cell(row.get("clientOrderId"), "client id") == self._client_id
