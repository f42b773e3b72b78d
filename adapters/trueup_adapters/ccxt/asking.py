"""How is each question put to an exchange through ccxt, and when is its answer the whole one?

A question is asked once for each *scope* (parameters that choose a part of the account, such as what contracts settle
in), for each symbol where the exchange demands one, and for each list in which orders may stand. It is complete only
when every part was answered, no page may go on (L05), no row was refused (L42), and ccxt left nothing out (L03).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from trueup.model import BrokerOrder, BrokerPosition, Key, Refusal, symbol_key, ticket_key
from trueup.ports import Answer, Question, failed
from trueup_adapters.ccxt.exchange import Exchange, Kind, Offers, may_go_on
from trueup_adapters.ccxt.faults import wants_symbol
from trueup_adapters.ccxt.hearing import NoAnswer, decoded, hearing, raw_of
from trueup_adapters.ccxt.history import DAY_MS, History
from trueup_adapters.ccxt.holdings import judge_holdings
from trueup_adapters.ccxt.left_out import coins_left_out, positions_left_out
from trueup_adapters.ccxt.lookup import LookUp
from trueup_adapters.ccxt.markets import Reading
from trueup_adapters.ccxt.memory import Memory
from trueup_adapters.ccxt.orders import judge_orders
from trueup_adapters.ccxt.positions import judge_positions
from trueup_adapters.ccxt.rows import Judged, Row, list_in, readable, row_in
from trueup_adapters.ccxt.trades import judge_trades

Scope: TypeAlias = Mapping[str, object]

NS_PER_MS: Final = 1_000_000


class Asking:
    """The questions that one exchange can be asked. Whatever ccxt raises, these raise."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        kind: Kind,
        reading: Reading,
        offers: Offers,
        scopes: Sequence[Scope],
        memory: Memory,
    ) -> None:
        """`scopes` has at least one, `{}` where the account has no parts."""
        self._exchange = exchange
        self._kind = kind
        self._reading = reading
        self._offers = offers
        self._scopes = scopes
        self._memory = memory
        self._by_symbol: set[str] = set()
        """Methods of which it turned out that they answer for one symbol at a time."""

    async def positions(self) -> Answer:
        """What the account holds: positions of contracts, or coins."""
        if self._kind == "spot":
            return await self._holdings()
        rows: list[object] = []
        lost: list[str] = []
        bodies: list[str] = []
        pages = False
        for scope in self._scopes:
            with hearing() as heard:
                part = _rows(await self._exchange.fetch_positions(None, dict(scope)))
            bodies += heard
            raw_rows = [row for one in part if (row := row_in(one)) is not None]
            for body in decoded(heard, empty=not part):
                left = positions_left_out(body, raw_rows)
                lost += left.lost
                pages = pages or may_go_on(left.listed, None)
            pages = pages or may_go_on(len(part), None)
            _extend(rows, part)
        judged = judge_positions(rows, self._reading)
        for position in judged.read:
            self._memory.met(position.spelling or position.symbol)
        return _answer(_with_lost(judged, lost), bodies, pages=pages, positions=self._keyed(judged.read))

    async def _holdings(self) -> Answer:
        with hearing() as heard:
            answer = row_in(await self._exchange.fetch_balance(dict(self._scopes[0])))
        if answer is None:
            raise NoAnswer("ccxt made no balance of the reply")
        judged = judge_holdings(answer, self._reading)
        empty = not (judged.read or judged.refused or judged.set_aside)
        lost = [why for body in decoded(heard, empty=empty) for why in coins_left_out(body, answer)]
        markets = row_in(self._exchange.markets) or {}
        for holding in judged.read:
            if (symbol := holding.spelling or holding.symbol) in markets:  # not every coin trades against that money
                self._memory.met(symbol)
        return _answer(_with_lost(judged, lost), heard, pages=False, positions=self._keyed(judged.read))

    def _keyed(self, positions: Iterable[BrokerPosition]) -> dict[Key, BrokerPosition]:
        if self._reading.position_mode == "netting":
            return {symbol_key(position.symbol): position for position in positions}
        return {ticket_key(str(position.ticket)): position for position in positions}

    # -- orders --------------------------------------------------------------------------------------------

    async def open_orders(self) -> Answer:
        """Every order that works or waits for a price."""
        limit = self._offers.orders_limit
        rows: list[object] = []
        bodies: list[str] = []
        pages = False
        for symbol in self._symbols_for("fetchOpenOrders"):
            for scope in self._scopes:
                for variant in self._offers.order_variants:
                    with hearing() as heard:
                        ask = self._exchange.fetch_open_orders(symbol, None, limit, {**scope, **variant})
                        part = _rows(await ask)
                    bodies += heard
                    decoded(heard, empty=not part)
                    pages = pages or may_go_on(len(part), limit)
                    for row in map(row_in, part):
                        self._memory.stands(None if row is None else readable(row.get("id")), variant)
                    _extend(rows, part)
        judged = judge_orders(rows, self._reading)
        self._remember(judged.read)
        return _answer(judged, bodies, pages=pages, orders=judged.read)

    async def order(self, question: Question) -> Answer:
        """One order, by either of its ids; complete without one where it was looked for everywhere (L04)."""
        if not (question.order_id or question.client_order_id):
            return failed("not asked: an order is looked up by order_id or by client_order_id, and neither is given")
        look_up = LookUp(self._exchange, self._reading, self._offers, self._scopes, question)
        symbols, certain = self._where(question)
        with hearing() as heard:
            rows = await look_up.rows(symbols)
        decoded(heard, empty=False)
        judged = judge_orders(rows, self._reading)
        read = [order for order in judged.read if look_up.is_it(order)]
        twice = len(read) > 1 or (judged.read and not read)
        if twice:
            return failed("the ids given belong to different orders", raw=raw_of(heard))
        self._remember(read)
        for order in read:
            self._memory.stands(order.order_id, look_up.variant)
        found = Judged(tuple(read), judged.refused, ())
        answer = _answer(found, heard, pages=look_up.may_go_on and not read, orders=read)
        if not read and not certain and answer.completeness == "complete":
            where = ", ".join(str(symbol) for symbol in symbols)
            why = f"it was only looked for in {where}: name the symbols that are traded (symbols=…)"
            return replace(answer, completeness="partial", why=why)
        return answer

    def _where(self, question: Question) -> tuple[Sequence[str | None], bool]:
        """The symbols in which to look for an order, and whether it can be in no other."""
        known = self._memory.symbol_of(question.order_id) or self._memory.symbol_of(question.client_order_id)
        if known is not None:
            return (known,), True
        asked = self._offers.by_id if question.order_id is not None else self._offers.by_name
        if not asked & (self._offers.symbol_for | self._by_symbol):
            return (None,), True
        return self._memory.symbols or (None,), self._memory.declared

    def _remember(self, orders: Iterable[BrokerOrder]) -> None:
        for order in orders:
            self._memory.placed(order.spelling or order.symbol, order.order_id, order.client_order_id)

    # -- executions ----------------------------------------------------------------------------------------

    async def fills(self, question: Question, *, now_ms: int) -> Answer:
        """The account's executions since the moment that is asked for, or as far back as the exchange likes."""
        since = None if question.since_ns is None else question.since_ns // NS_PER_MS
        days = self._offers.trades_days
        rows: list[object] = []
        pages = False
        with hearing() as bodies:
            for symbol in self._symbols_for("fetchMyTrades"):
                for scope in self._scopes:
                    history = History(self._exchange, self._offers, symbol, scope, now_ms)
                    _extend(rows, await history.rows(since))
                    pages = pages or history.more
        judged = judge_trades(rows, self._reading)
        when = {str(row.get("id")): _moment(row) for one in rows if (row := row_in(one)) is not None}
        executions = tuple(sorted(judged.read, key=lambda one: when.get(one.execution_id, 0)))
        answer = _answer(judged, bodies, pages=pages, executions=executions)
        if since is not None and days is not None and since < now_ms - days * DAY_MS:
            why = f"the exchange tells executions of the last {days} days only, and earlier ones were asked for (L08)"
            return replace(answer, completeness="partial", why="; ".join(filter(None, (answer.why, why))))
        return answer

    def _symbols_for(self, method: str) -> Sequence[str | None]:
        """(None,) where the exchange answers for all at once; else every symbol that is known to matter."""
        if method not in self._offers.symbol_for | self._by_symbol:
            return (None,)
        if not self._memory.symbols:
            raise NoAnswer(f"{self._exchange.id} answers {method} for one symbol at a time: name them (symbols=…)")
        return self._memory.symbols

    def may_ask_again(self, question: Question, error: Exception) -> bool:
        """Whether a question that failed can be asked again, by symbol: not every exchange declares that it wants one.

        Raises NoAnswer where no symbol is known.
        """
        methods = {"open_orders": {"fetchOpenOrders"}, "fills": {"fetchMyTrades"}}.get(question.surface)
        if question.surface == "order":
            methods = set(self._offers.by_id if question.order_id is not None else self._offers.by_name)
        if methods is None or not wants_symbol(error) or methods <= self._by_symbol:
            return False
        self._by_symbol |= methods
        for method in sorted(methods):
            self._symbols_for(method)
        return True


def _rows(given: object) -> list[object]:
    rows = list_in(given)
    if rows is None:
        raise NoAnswer(f"ccxt made a {type(given).__name__} of the reply, not a list of rows")
    return rows


def _extend(rows: list[object], part: Sequence[object]) -> None:
    """Add what another part of the same question lists, without what an earlier part listed in the same words."""
    known = {str(row.get("id") or row.get("symbol")): row for one in rows if (row := row_in(one)) is not None}
    for one in part:
        row = row_in(one)
        if row is None or known.get(str(row.get("id") or row.get("symbol"))) != row:
            rows.append(one)


def _moment(row: Row) -> int:
    """The exchange's time of an execution, for telling them oldest first; nothing is decided by it (L46)."""
    at = row.get("timestamp")
    return at if isinstance(at, int) else 0


def _with_lost(judged: Judged[Any], lost: Sequence[str]) -> Judged[Any]:
    last = len(judged.read) + len(judged.refused) + len(judged.set_aside)
    more = tuple(Refusal(last + n, why) for n, why in enumerate(lost, 1))
    return replace(judged, refused=judged.refused + more)


def _answer(judged: Judged[Any], bodies: list[str], *, pages: bool, **stated: Any) -> Answer:
    """An answer with what it states, complete unless a row was refused or a page may go on."""
    reasons: list[str] = []
    if judged.refused:
        total = len(judged.read) + len(judged.refused) + len(judged.set_aside)
        reasons.append(f"{len(judged.refused)} of {total} rows could not be used: {judged.refused[0].why}")
    if pages:
        reasons.append("a page of the list may not be the last one (L05)")
    return Answer(
        completeness="partial" if reasons else "complete",
        why="; ".join(reasons),
        dialect="ccxt",
        refused=judged.refused,
        raw=raw_of(bodies),
        **stated,
    )
