"""What is a symbol's one name, and what is one of it: a coin, or a contract of how much of what?

ccxt writes spot as `LTC/USDT` and contracts as `LTC/USDT:USDT` (what they settle in after the colon), with an expiry
and more behind it. Amounts of contracts are in contracts: how much one is differs from exchange to exchange, so each
position carries its unit, and one whose unit cannot be told, or is not the configured one, is refused (L34).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from trueup.errors import TrueupError
from trueup.model import ZERO, PositionMode, Side, plain
from trueup_adapters.ccxt.rows import BadRow, Row, id_cell, printable, raw_cells, readable

NAMES_MAX: Final = 10_000
"""Spellings of symbols that are remembered (law 12)."""
_SYMBOL: Final = re.compile(r"(?P<base>[^/:\s]+)/(?P<quote>[^/:\s]+?)(?::(?P<settle>[^-:\s]+)(?P<more>-\S+)?)?\Z")
_DOLLARS: Final = frozenset({"USD", "USDT", "USDC", "BUSD", "USDE", "FDUSD", "TUSD", "DAI", "PYUSD", "RLUSD"})
"""A contract that is quoted in one of these and settles in another is still linear."""


class Symbol(msgspec.Struct, frozen=True):
    """The parts of a unified symbol."""

    base: str
    quote: str
    settle: str | None
    """None: spot."""
    option: bool

    @property
    def inverse(self) -> bool | None:
        """Whether one contract is a sum of the quote currency; None where that cannot be told."""
        if self.option or self.settle == self.quote or {self.settle, self.quote} <= _DOLLARS:
            return False
        return True if self.settle == self.base else None


class Reading(msgspec.Struct, frozen=True):
    """What is known before any row is seen, and colours how each is read."""

    position_mode: PositionMode
    exchange: str = ""
    """ccxt's id of it, `binanceusdm`."""
    contract_size: Callable[[str], object] | None = None
    """How much one contract of a symbol is, by the exchange's list of markets; for rows that do not say."""
    contract_sizes: Mapping[str, Decimal] = {}
    """How much one contract of a symbol must be, where the user says so; by ccxt's spelling."""
    canonical: Callable[[str], str] | None = None
    """The one name of a symbol that may be spelled in several ways (L33). The same name for the same spelling."""
    quotes: tuple[str, ...] = ()
    """Money: coins that are no holdings. The first names the others' symbols, `LTC/USDT`."""
    net_of_base_fees: bool = False
    """Whether an execution says what it did to the holding: less a fee that was taken in the coin itself (L37)."""
    names: dict[str, tuple[str, str | None]] = {}
    """Spellings met so far, with their canonical name and, where it differs, themselves."""


def parts_of(symbol: str) -> Symbol:
    """A unified symbol's parts. Raises BadRow for an exchange's own spelling, which says nothing certain (L33)."""
    match = _SYMBOL.match(symbol)
    if match is None:
        raise BadRow(printable(f"its symbol {symbol!r} is not of the form BASE/QUOTE or BASE/QUOTE:SETTLE"))
    more = match["more"] or ""
    return Symbol(match["base"], match["quote"], match["settle"], more.endswith(("-C", "-P")))


def symbol_cell(value: object) -> str:
    """ccxt's spelling of a symbol. Raises BadRow."""
    symbol = id_cell(value, "symbol")
    if symbol is None:
        raise BadRow("it has no symbol")
    parts_of(symbol)
    return symbol


def canonical_of(spelled: str, reading: Reading) -> tuple[str, str | None]:
    """A symbol's canonical name, and ccxt's spelling where it differs (L33). Raises BadRow."""
    met = reading.names.get(spelled)
    if met is not None:
        return met
    name = spelled
    if reading.canonical is not None:
        try:
            given = id_cell(reading.canonical(spelled), "canonical symbol")
        except (TrueupError, LookupError, ValueError) as error:
            raise BadRow(printable(f"its symbol {spelled!r} has no canonical name: {error}")) from error
        name = given or spelled
    met = name, None if name == spelled else spelled
    if len(reading.names) < NAMES_MAX:
        reading.names[spelled] = met
    return met


def scope_of(row: Row, reading: Reading) -> str | None:
    """The canonical symbol of a row that is refused, as far as it can be read; else as it is spelled."""
    spelled = readable(row.get("symbol"))
    try:
        return None if spelled is None else canonical_of(spelled, reading)[0]
    except BadRow:
        return spelled


def leg_of(symbol: str, side: Side) -> str:
    """The ticket of one leg of a symbol in hedge mode, `BTC/USDT:USDT/long` (L29-L31)."""
    return f"{symbol}/{side}"


def leg_named(ticket: str) -> tuple[str, Side] | None:
    """The symbol and side that `leg_of` made a ticket of; None for any other text."""
    symbol, slash, side = ticket.rpartition("/")
    if not slash or not symbol:
        return None
    return (symbol, "long") if side == "long" else (symbol, "short") if side == "short" else None


def unit_of(symbol: str, contract_size: Decimal | None) -> str:
    """What a quantity counts, in a policy's words: `coins` where one is one coin, else `contracts`. Raises BadRow for
    contracts of which nobody says how much one is (L34)."""
    parts = parts_of(symbol)
    if parts.settle is None:
        return "coins"
    if contract_size is None:
        raise BadRow("nobody says how much one contract is: its quantity has no unit (L34)")
    if contract_size <= ZERO:
        raise BadRow(f"its contract size is {plain(contract_size)}; one contract is more than nothing (L34)")
    inverse = parts.inverse
    if inverse is None:
        raise BadRow(f"{symbol} settles in neither of its currencies: what one contract is cannot be told (L34)")
    if not inverse and contract_size == 1 and not parts.option:
        return "coins"
    return "contracts"


_COUNTS_COINS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("xt", "amount"): ("origqty", "quantity"),
    ("xt", "filled"): ("executedqty",),
    ("xt", "trade"): ("quantity", "a"),
    ("bingx", "trade"): ("volume", "qty", "q"),
}
"""Exchanges of whose contracts ccxt (at times) counts coins in orders or executions, contracts times how much one is,
but contracts in positions; and where in the exchange's own row the contracts stand (L34)."""


def in_contracts(row: Row, what: str, reading: Reading) -> object:
    """A quantity of a row, in contracts where the row is about contracts. Raises BadRow.

    what   `amount` or `filled` of an order, `trade` for the amount of an execution
    """
    given = row.get("amount" if what == "trade" else what)
    names = _COUNTS_COINS.get((reading.exchange, what))
    if names is None or given is None or parts_of(str(row.get("symbol"))).settle is None:
        return given
    raw = raw_cells(row)
    own = next((raw[name] for name in names if raw.get(name) is not None), None)
    if own is None:
        raise BadRow(f"ccxt counts coins where {reading.exchange} counts contracts, and its row does not say how many")
    return own
