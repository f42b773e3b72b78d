"""Which positions do the rows of GET /v2/positions state, and which rows can nobody use?

Rows are judged one by one (L42). Two rows that come to one name are both refused: an account at Alpaca holds one
position in a symbol, and choosing one of them would be inventing (law 13).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from trueup.model import BrokerPosition, Key, Refusal, symbol_key
from trueup.ports import Answer
from trueup_adapters.alpaca.cells import BadRow, name_cell, number_cell, price_cell, shown
from trueup_adapters.alpaca.heads import rows_of
from trueup_adapters.alpaca.judging import Judging, answered, row_of, settled
from trueup_adapters.alpaca.symbols import Symbols
from trueup_adapters.alpaca.transport import Reply

_UNIT_OF: Final[Mapping[str, str]] = {"us_equity": "shares", "us_option": "contracts", "crypto": "coins"}


class PositionRow(msgspec.Struct, gc=False):
    """One row: only what identifies a position. Prices of the moment are not looked at."""

    symbol: Any = None
    qty: Raw = Raw()
    side: Any = None
    asset_class: Any = None
    avg_entry_price: Raw = Raw()


class Position(msgspec.Struct, frozen=True):
    """A position, and what an order on it needs to know."""

    position: BrokerPosition
    asset_class: str
    """In Alpaca's word; '' where it gives none."""
    sent_as: str
    """How orders spell its symbol: a pair with its slash, whatever aliases call it."""

    @property
    def symbol(self) -> str:
        """Its one name."""
        return self.position.symbol


class JudgedPositions(msgspec.Struct, frozen=True):
    """Every row of a list, on one side or the other: none is lost (L03)."""

    positions: dict[Key, Position]
    refused: tuple[Refusal, ...]


_ROW = msgspec.json.Decoder(PositionRow)


def position_of(row: PositionRow, symbols: Symbols) -> Position:
    """One row as a position. Raises BadRow, with the cell that is to blame."""
    asset_class = row.asset_class if isinstance(row.asset_class, str) else ""
    spelled = name_cell(row.symbol, "symbol")
    symbol, spelling = symbols.name(spelled, asset_class or None)
    quantity = number_cell(row.qty, "qty")
    if not quantity:
        raise BadRow(f"its qty is {quantity}; a position holds something")
    if row.side not in ("long", "short"):
        raise BadRow(f"its side is {shown(row.side)}, which is neither long nor short (L41)")
    if row.side == "long" and quantity < 0:
        raise BadRow(f"its side is long and its qty {quantity}: they contradict each other (L28)")
    size = quantity.copy_abs()
    stated = BrokerPosition(
        symbol,
        size if row.side == "long" else size.copy_negate(),
        price=price_cell(row.avg_entry_price, "avg_entry_price"),
        spelling=spelling,
        unit=_UNIT_OF.get(asset_class),
    )
    return Position(stated, asset_class, symbols.sent_as(spelled, asset_class))


def judge_positions(rows: Sequence[Raw], symbols: Symbols) -> JudgedPositions:
    """Every row, judged on its own and then against those of the same name. Never raises for what a row holds."""
    judging = Judging[Position](symbols, "", lambda held: held.symbol)
    judged = settled(
        judging.verdict(number, row, lambda raw: position_of(row_of(raw, _ROW), symbols))
        for number, row in enumerate(rows, 1)
    )
    return JudgedPositions({symbol_key(held.position.symbol): held for held in judged.values}, judged.refused)


def read_positions(reply: Reply, symbols: Symbols) -> JudgedPositions | Answer:
    """The positions of a reply, or the failed answer that it is instead."""
    rows = rows_of(reply)
    return rows if isinstance(rows, Answer) else judge_positions(rows, symbols)


def positions_answer(reply: Reply, symbols: Symbols) -> Answer:
    """A reply as an `Answer`: complete only if no row was refused."""
    judged = read_positions(reply, symbols)
    if isinstance(judged, Answer):
        return judged
    held = {key: one.position for key, one in judged.positions.items()}
    return answered(reply.body, len(held) + len(judged.refused), judged.refused, positions=held)
