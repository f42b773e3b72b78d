"""In which requests is a question put to Alpaca, and when have all its pages been read?

Pages follow one another until a short one comes; what does not end within `PAGES_MAX` is partial, never complete (L05).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Raw

from trueup.model import BrokerOrder, Refusal
from trueup.ports import Answer, Clock, Question, failed
from trueup_adapters.alpaca.cells import MALFORMED
from trueup_adapters.alpaca.client_ids import ClientIds
from trueup_adapters.alpaca.fills import PAGE_MAX, judge_fills, signpost
from trueup_adapters.alpaca.heads import is_missing, rows_of, said, why_not
from trueup_adapters.alpaca.judging import DIALECT, answered
from trueup_adapters.alpaca.legs import SYMBOLS_MAX, Waiting
from trueup_adapters.alpaca.orders import (
    LISTED_MAX,
    LISTED_UNASKED,
    JudgedOrders,
    Reading,
    judge_orders,
    order_answer,
    order_legs,
    row_in,
)
from trueup_adapters.alpaca.positions import positions_answer
from trueup_adapters.alpaca.symbols import unslashed
from trueup_adapters.alpaca.transport import Asks, Reply

PAGES_MAX: Final = 40
"""Pages that one answer is read from (law 12)."""
LOOK_UPS_MAX: Final = 20
"""Orders and assets that one answer is looked up for besides."""
TRIES_MAX: Final = 20_000
"""Names of which is remembered how often they were looked up (law 12)."""
FILLS_LOOK_BACK_NS: Final = 7 * 86_400 * 1_000_000_000
"""How far back fills are asked for where the question leaves it to us (L08)."""
SKEW_NS: Final = 60 * 1_000_000_000
"""How far Alpaca's clock may be from ours (L46): fills are asked for from so much earlier."""
_MOMENT: Final = timedelta(microseconds=1)


class Asking:
    """The questions to one account."""

    def __init__(self, transport: Asks, reading: Reading, clock: Clock) -> None:
        self._transport = transport
        self._reading = reading
        self._clock = clock
        self._client_ids = ClientIds()
        self._tries: dict[str, int] = {}

    async def positions(self) -> Answer:
        """All positions. Raises NoReply, as all of these do."""
        return positions_answer(await self._transport.get("/v2/positions"), self._reading.symbols)

    async def position(self, symbol: str) -> Answer:
        """One position, or none: Alpaca's own 404 is flat. Of a pair it is not, for Alpaca has been seen to list a
        pair's position and to deny it by name, nor of a name that is ours and not Alpaca's: there the list decides."""
        if not symbol.strip("./"):
            return failed(f"not asked: {symbol!r} is no symbol, and would ask for something else")
        path = f"/v2/positions/{quote(unslashed(symbol), safe='')}"
        reply = await self._transport.get(path)
        if is_missing(reply):
            if self._reading.symbols.is_plain(symbol):
                return Answer(completeness="complete", dialect=DIALECT, raw=reply.body)
            listed = await self.positions()
            mine = {key: row for key, row in listed.positions.items() if symbol in (row.symbol, row.spelling)}
            return msgspec.structs.replace(listed, positions=mine)
        if why := why_not(reply):
            return failed(why, raw=reply.body)
        answer = positions_answer(Reply(200, b"[" + reply.body + b"]"), self._reading.symbols)
        others = [row.symbol for row in answer.positions.values() if symbol not in (row.symbol, row.spelling)]
        if others:
            return failed(f"the reply tells of a position in {others[0]}, and not in {symbol}", raw=reply.body)
        return msgspec.structs.replace(answer, raw=reply.body)

    # -- orders --------------------------------------------------------------------------------------------

    async def orders(self, status: str, after: str = "") -> Answer:
        """All orders of `status` (`open`, `all`), oldest first, created after a moment (ISO 8601; '' is always)."""
        listed = _Listed()
        why = f"{PAGES_MAX} pages were read, and there are more"
        for _ in range(PAGES_MAX):
            query = {"status": status, "limit": str(LISTED_MAX), "direction": "asc", "nested": "false"}
            reply = await self._transport.get("/v2/orders", query | ({"after": after} if after else {}))
            rows = rows_of(reply)
            if isinstance(rows, Answer):
                return rows  # pages without one of them say nothing of what is missing
            listed.raws.append(reply.body)
            judged = judge_orders(rows, self._reading)
            brought = listed.add(judged)
            self._client_ids.note(rows)
            listed.waiting.note(rows)
            if len(rows) < LISTED_MAX and len(rows) != LISTED_UNASKED:
                why = ""
                break
            after = _just_before(judged.submitted[-1])
            if not after or not brought:
                why = "more orders were submitted in one moment than a page holds" if after else "a page has no end"
                why += ", and the rest was not read"
                break
        why = "; ".join(filter(None, (why, await self._unfold(listed), await self._find_held(status, listed))))
        return listed.answer(why)

    async def _unfold(self, listed: _Listed) -> str:
        """Look up the legs of the orders in several that do not name theirs; what is still missing, in words."""
        for order_id in self._least_tried(listed.folded):
            if not is_uuid(order_id):
                continue
            reply = await self._transport.get(f"/v2/orders/{order_id}", {"nested": "true"})
            answer = order_legs(reply, self._reading)
            if answer.completeness == "failed":
                return f"the legs of order {order_id} could not be looked up: {answer.why}"
            listed.raws.append(reply.body)
            listed.unfold(order_id, answer)
        return ""

    async def _find_held(self, status: str, listed: _Listed) -> str:
        """Add what is held beside an open exit, from the latest orders in its symbol; what is missing, in words."""
        symbols = listed.waiting.symbols[:SYMBOLS_MAX]
        if status != "open" or not symbols:
            return ""
        query = {"status": "all", "limit": str(LISTED_MAX), "direction": "desc", "nested": "false"}
        reply = await self._transport.get("/v2/orders", query | {"symbols": ",".join(symbols)})
        rows = rows_of(reply)
        if isinstance(rows, Answer):
            return f"what is held beside the open orders could not be read: {rows.why}"
        held = listed.waiting.held_in(rows)
        if held:
            judged = judge_orders(held, self._reading)
            listed.raws.append(reply.body)
            listed.add(judged)
            self._client_ids.note(held)
        return ""

    async def order(self, question: Question) -> Answer:
        """The one order of that id, that client id, or both."""
        if question.client_order_id:
            query = {"client_order_id": question.client_order_id}
            reply = await self._transport.get("/v2/orders:by_client_order_id", query)
            answer = order_answer(reply, self._reading, question)
            if not question.order_id or answer.completeness != "complete" or answer.orders:
                return answer
            # Not under the client id: the book may call it by a name that was never sent (and then it is there).
        order_id = question.order_id or ""
        if not order_id.strip("."):
            return failed(f"not asked: {order_id!r} is no order's id, and would ask for something else")
        reply = await self._transport.get(f"/v2/orders/{quote(order_id, safe='')}")
        if _is_no_id(reply, order_id):
            return Answer(completeness="complete", dialect=DIALECT, raw=reply.body)  # nothing at Alpaca has such an id
        return order_answer(reply, self._reading, question)

    # -- fills ---------------------------------------------------------------------------------------------

    async def fills(self, since_ns: int | None) -> Answer:
        """All executions since a moment, in Alpaca's order."""
        began = self._clock.wall_ns() - FILLS_LOOK_BACK_NS if since_ns is None else since_ns
        query = {"direction": "asc", "page_size": str(PAGE_MAX), "after": _iso(max(0, began - SKEW_NS))}
        rows: list[Raw] = []
        raws: list[bytes] = []
        why = f"{PAGES_MAX} pages were read, and there are more"
        for _ in range(PAGES_MAX):
            reply = await self._transport.get("/v2/account/activities/FILL", query)
            page = rows_of(reply)
            if isinstance(page, Answer):
                return page
            raws.append(reply.body)
            rows += page
            if len(page) < PAGE_MAX:
                why = ""
                break
            last = signpost(page[-1]).activity_id
            if last is None or last == query.get("page_token"):
                why = "a page does not say where the next one begins, and the rest was not read"
                break
            query["page_token"] = last
        return await self._executions(rows, b"\n".join(raws), why)

    async def _executions(self, rows: list[Raw], raw: bytes, why: str) -> Answer:
        posts = [signpost(row) for row in rows]
        trouble = await self._learn_client_ids([post.order_id for post in posts if post.order_id is not None])
        if trouble is not None:
            return trouble
        # Their orders have said by now what most of them are in.
        symbols = {post.symbol for post in posts if post.symbol is not None}
        await self._learn_classes({symbol for symbol in symbols if self._reading.symbols.unsure(symbol)})
        judged = judge_fills(rows, self._client_ids, self._reading)
        return answered(raw, len(rows), judged.refused, why, executions=judged.values)

    async def _learn_classes(self, symbols: Iterable[str]) -> None:
        """Ask what those are that could be shares or pairs. What is not answered stays unsure, and is refused."""
        for symbol in self._least_tried(sorted(symbols)):
            reply = await self._transport.get(f"/v2/assets/{quote(symbol, safe='')}")
            try:
                kind = msgspec.json.decode(reply.body, type=_Asset).kind if reply.status == 200 else ""
            except MALFORMED:
                kind = ""
            if kind:
                self._reading.symbols.learn(symbol, kind)

    async def _learn_client_ids(self, order_ids: Iterable[str]) -> Answer | None:
        """Look up the orders whose client id is not known: the latest in one list, the rest one by one."""
        unknown = dict.fromkeys(order_id for order_id in order_ids if order_id not in self._client_ids)
        if len(unknown) > 1:
            query = {"status": "all", "limit": str(LISTED_MAX), "direction": "desc", "nested": "false"}
            rows = rows_of(await self._transport.get("/v2/orders", query))
            if isinstance(rows, Answer):
                return failed(f"the orders of these fills could not be read: {rows.why}", raw=rows.raw)
            self._client_ids.note(rows)
        for order_id in self._least_tried(order_id for order_id in unknown if order_id not in self._client_ids):
            if not order_id.strip("."):
                continue
            reply = await self._transport.get(f"/v2/orders/{quote(order_id, safe='')}")
            if is_missing(reply) or _is_no_id(reply, order_id):
                self._client_ids[order_id] = None
                continue
            row = row_in(reply)
            if isinstance(row, Answer):
                return failed(f"order {order_id[:64]} of these fills could not be read: {row.why}", raw=row.raw)
            self._client_ids.note([row])
        return None

    def _least_tried(self, names: Iterable[str]) -> list[str]:
        """As many as one answer looks up, the least tried ones first: the head of a list starves nobody (L11)."""
        chosen = sorted(names, key=lambda name: self._tries.get(name, 0))[:LOOK_UPS_MAX]
        if len(self._tries) > TRIES_MAX:
            self._tries.clear()
        self._tries.update({name: self._tries.get(name, 0) + 1 for name in chosen})
        return chosen


class _Listed:
    """The pages of one list of orders, put together."""

    def __init__(self) -> None:
        self.raws: list[bytes] = []
        self.waiting = Waiting()
        self.folded: dict[str, Refusal] = {}
        self._found: dict[str, BrokerOrder] = {}
        self._refused: list[Refusal] = []

    def add(self, judged: JudgedOrders) -> bool:
        """Take a page; whether it brought an order that was not there."""
        before = len(self._found) + len(self._refused)
        told = {(r.why, r.symbol) for r in self._refused}  # what two pages share is refused once
        fresh = [r for r in judged.refused if (r.why, r.symbol) not in told]
        self._refused += [_moved(r, before) for r in fresh]
        self.folded.update({order_id: _moved(r, before) for order_id, r in judged.folded.items() if r in fresh})
        known = len(self._found)
        self._found.update({o.order_id or "": o for o in judged.orders})  # a later page knows it better
        return len(self._found) > known

    def unfold(self, order_id: str, answer: Answer) -> None:
        """Put the legs of an order in its place."""
        if not answer.orders and not answer.refused:
            return
        refusal = self.folded.pop(order_id)
        place = self._refused.index(refusal)
        self._refused[place : place + 1] = [msgspec.structs.replace(one, row=refusal.row) for one in answer.refused]
        for order in answer.orders:
            self._found.setdefault(order.order_id or "", order)

    def answer(self, why: str) -> Answer:
        """All of it; `why` says what is missing."""
        listed = len(self._found) + len(self._refused)
        return answered(b"\n".join(self.raws), listed, self._refused, why, orders=list(self._found.values()))


class _Asset(msgspec.Struct):
    kind: str = msgspec.field(name="class", default="")


def _moved(refusal: Refusal, before: int) -> Refusal:
    """A refusal of a later page, by its place in the whole list."""
    return msgspec.structs.replace(refusal, row=refusal.row + before)


def _just_before(moment: str) -> str:
    """A moment so little earlier that no order of the same one is passed over: `after` leaves out its own (L05)."""
    try:
        return (datetime.fromisoformat(moment) - _MOMENT).isoformat()
    except ValueError:
        return ""


def _iso(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_no_id(reply: Reply, order_id: str) -> bool:
    """Whether Alpaca says that nothing there could have such an id."""
    return reply.status == 422 and said(reply).code == 40_010_001 and not is_uuid(order_id)


_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.IGNORECASE)


def is_uuid(text: str) -> bool:
    """Whether a text is an order's id at Alpaca, as far as its form tells."""
    return _UUID.match(text) is not None
