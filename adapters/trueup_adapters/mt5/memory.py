"""What does a positions reply say that the one before it did not?

Most replies repeat the one before, but for prices that are no part of a position. So the decoded rows of the
last reply are kept: equal rows have an equal meaning, and the very same mapping is handed out again; where a few
differ, only those are judged, by their text too. Whatever is out of the ordinary (a refused row, a repeated ticket, a
netting account, where a symbol's rows must be seen together) is judged from the start. The answers are those of
`wire.positions_answer`.
"""

from __future__ import annotations

from itertools import compress
from operator import attrgetter, ne

import msgspec

from trueup.model import BrokerPosition, symbol_key, ticket_key
from trueup.ports import Answer
from trueup_adapters.mt5.heads import REPLY_BYTES_MAX
from trueup_adapters.mt5.positions import AnyRow, Judged, Reading, judge, key_of, position_of
from trueup_adapters.mt5.rows import BadRow, Dialect, PositionRow
from trueup_adapters.mt5.wire import POSITIONS, open_positions, open_positions_slowly, refusal_of, stated_positions

_TICKET = attrgetter("ticket")


class _Last(msgspec.Struct, frozen=True):
    """The reply before: its rows as decoded, and what they were judged to say."""

    dialect: Dialect
    rows: list[AnyRow]
    judged: Judged
    by_ticket: dict[int | str, PositionRow] | None
    """The rows by their ticket as decoded; None when some row was refused."""


class PositionsMemory:
    """Reads one account's positions replies, in the order in which they come."""

    def __init__(self, reading: Reading, *, reply_bytes_max: int = REPLY_BYTES_MAX) -> None:
        self._reading = reading
        self._reply_bytes_max = reply_bytes_max
        self._last: _Last | None = None

    def answer(self, raw: bytes) -> Answer:
        """The reply as an `Answer`; `positions` is the same object as long as nothing changes."""
        opened = refusal_of(raw, self._reply_bytes_max) or open_positions(raw, closely=False)
        if isinstance(opened, Answer):
            return opened
        last = self._last
        if last is not None and last.dialect == opened.dialect and _same(last.rows, opened.rows):
            return stated_positions(last.judged, opened.dialect, raw)
        self._last = last = self._judged(raw, opened.rows, opened.dialect, last)
        return stated_positions(last.judged, opened.dialect, raw)

    def position(self, symbol: str, ticket: str | None) -> BrokerPosition | None:
        """The position of that ticket (netting: of that symbol) as last stated."""
        if self._last is None:
            return None
        netting = self._reading.position_mode == "netting"
        return self._last.judged.positions.get(symbol_key(symbol) if netting else ticket_key(ticket or ""))

    def _judged(self, raw: bytes, rows: list[AnyRow], dialect: Dialect, last: _Last | None) -> _Last:
        judged = None
        by_ticket = _by_ticket(rows) if self._reading.position_mode == "hedging" else None
        if by_ticket is not None and last is not None and last.by_ticket is not None and last.dialect == dialect:
            judged = self._patched(raw, by_ticket, last.by_ticket, last.judged, dialect)
        if judged is None:
            rows = _looked_at_closely(raw, rows)
            judged = judge(rows, dialect, self._reading)
        if last is not None and last.judged == judged:
            judged = last.judged  # the same rows in another order, or in other words
        return _Last(dialect, rows, judged, None if judged.refused else by_ticket)

    def _patched(
        self,
        raw: bytes,
        rows: dict[int | str, PositionRow],
        before: dict[int | str, PositionRow],
        judged: Judged,
        dialect: Dialect,
    ) -> Judged | None:
        """The judgement before, with the rows that changed judged anew; None if one of them is refused, or its text
        not found at once."""
        positions = judged.positions.copy()
        for ticket in before.keys() - rows.keys():
            del positions[ticket_key(str(ticket))]
        differs = map(ne, rows.values(), map(before.get, rows))
        try:
            places = list(compress(range(len(rows)), differs))
            listed = list(rows.values())
            changed = [listed[place] for place in places]
            for row, text in zip(changed, POSITIONS.of(raw, changed, places, "ticket", len(listed)), strict=True):
                if text is None:
                    return None
                POSITIONS.check(text)
                position = position_of(row, dialect, self._reading)
                positions[key_of(position, "hedging")] = position
        except (BadRow, ArithmeticError):  # ArithmeticError: a signalling NaN refuses to be compared (L43)
            return None
        return Judged(positions, ())


def _looked_at_closely(raw: bytes, rows: list[AnyRow]) -> list[AnyRow]:
    """The rows of a reply that was read at once, those marked whose text says more than was read (law 13)."""
    if not POSITIONS.looks_spoilt(raw, len(rows)):
        return rows
    opened = open_positions_slowly(raw)
    return rows if isinstance(opened, Answer) else list(opened.rows)


def _same(before: list[AnyRow], rows: list[AnyRow]) -> bool:
    """Whether two lists of rows are equal; a signalling NaN is equal to nothing, and says so by raising (L43)."""
    try:
        return before == rows
    except ArithmeticError:
        return False


def _by_ticket(rows: list[AnyRow]) -> dict[int | str, PositionRow] | None:
    """The rows by ticket, if all could be read and no two share one (`7` and `"7"` are the same ticket)."""
    readable = [row for row in rows if isinstance(row, PositionRow)]
    if len(readable) < len(rows):
        return None
    by_ticket = dict(zip(map(_TICKET, readable), readable, strict=True))
    if len(by_ticket) < len(rows) or len(set(map(type, by_ticket))) > 1:
        return None
    return by_ticket
