"""Are these all executions since a moment, when an exchange tells them by pages and by so many days at a time?

Some exchanges begin a page with the oldest execution that was asked for, others with the newest, and few say which.
So a full page is followed in both directions, until a page is short: later ones by ccxt's `since`, earlier ones by its
`until`. A span longer than one question may cover is cut into several. Where that does not come to an end, or the
exchange knows no `until`, what was found is told, and that there may be more (L05, L08).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from trueup_adapters.ccxt.exchange import Exchange, Offers, may_go_on
from trueup_adapters.ccxt.hearing import NoAnswer, decoded, hearing
from trueup_adapters.ccxt.rows import UNREAD, list_in, row_in

DAY_MS: Final = 86_400_000
PAGES_MAX: Final = 100
"""Pages that one question may take (law 12)."""


class History:
    """The executions of one account in one symbol (None: in all) and scope, page by page, for one question."""

    def __init__(
        self, exchange: Exchange, offers: Offers, symbol: str | None, scope: Mapping[str, object], now_ms: int
    ) -> None:
        """`now_ms`: wall time, for cutting a long span; nothing is decided by it."""
        self._exchange = exchange
        self._symbol = symbol
        self._scope = scope
        self._limit = offers.trades_limit
        self._window_ms = None if offers.trades_window_days is None else offers.trades_window_days * DAY_MS
        self._now_ms = now_ms
        self._pages = 0
        self._found: dict[str, object] = {}
        self._twins: list[object] = []
        self.more = False
        """Whether there may be executions that were not told."""

    async def rows(self, since: int | None) -> list[object]:
        """All rows since a moment, in ms. Raises whatever ccxt raises."""
        for begin, end in self._spans(since):
            page = await self._page(begin, end)
            if may_go_on(len(page), self._limit):
                await self._follow(page, begin, end, later=True)
                await self._follow(page, begin, end, later=False)
        return [*self._found.values(), *self._twins]

    def _spans(self, since: int | None) -> Sequence[tuple[int | None, int | None]]:
        """What one question may cover at a time, oldest first; (None, None) leaves it to the exchange."""
        if since is None or self._window_ms is None or self._now_ms - since <= self._window_ms:
            return [(since, None)]
        begins = range(since, self._now_ms, self._window_ms)
        self.more = len(begins) > PAGES_MAX
        ends: list[int | None] = [begin + self._window_ms - 1 for begin in begins]
        return list(zip(begins, [*ends[:-1], None], strict=True))[-PAGES_MAX:]

    async def _follow(self, page: Sequence[object], begin: int | None, end: int | None, *, later: bool) -> None:
        """The pages after a full one, or those before it, until one is short."""
        while may_go_on(len(page), self._limit):
            times, before = _times(page), len(self._found)
            if not times or self._pages >= PAGES_MAX or not (later or self._window_ms):
                self.more = True
                return
            if later:
                page = await self._page(max(times), end)
            else:
                page = await self._page(begin, min(times) + 1)
            if len(self._found) == before and may_go_on(len(page), self._limit):
                self.more = True  # a whole page of what is known already: nobody can say what lies beyond
                return

    async def _page(self, begin: int | None, end: int | None) -> list[object]:
        """One page; what is new in it is found, what it tells twice or without an id is kept to be judged."""
        self._pages += 1
        params = dict(self._scope) if end is None else {**self._scope, "until": end}
        with hearing() as heard:
            given: object = await self._exchange.fetch_my_trades(self._symbol, begin, self._limit, params)
        page = list_in(given)
        if page is None:
            raise NoAnswer(f"ccxt made a {type(given).__name__} of the reply, not a list of rows")
        decoded(heard, empty=not page)
        fresh: dict[str, object] = {}
        for one in page:
            row = row_in(one)
            name = None if row is None else row.get("id")
            if name is None or str(name) in fresh or self._found.get(str(name), one) != one:
                self._twins.append(one)
            else:
                fresh[str(name)] = one
        self._found.update({name: one for name, one in fresh.items() if name not in self._found})
        return page


def _times(page: Sequence[object]) -> list[int]:
    """The exchange's times of the rows that have one, in ms."""
    rows = [row for one in page if (row := row_in(one)) is not None and UNREAD not in row]
    return [at for row in rows if isinstance(at := row.get("timestamp"), int)]
