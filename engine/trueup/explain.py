"""How is a decision said in one plain sentence?

Every sentence names the key, what each side says, on how many independent answers it rests, and what was done:
it is read at three in the morning. Pure text from values; the same values give the same sentence (law 1).
"""

from __future__ import annotations

from decimal import Decimal

from trueup.compare import said
from trueup.model import BrokerPosition, Holding, Key, is_unbound, plain


def named(symbol: str, ticket: str | None) -> str:
    """`EURUSD #123456`, or the symbol alone."""
    return symbol if ticket is None else f"{symbol} #{ticket}"


def described(position: Holding | BrokerPosition) -> str:
    """`long 0.01 at 1.0543`."""
    at = "" if position.price is None else f" at {plain(position.price)}"
    return f"{said(position)}{at}"


def answers(count: int) -> str:
    """`1 answer`, `3 independent answers`."""
    return "1 answer" if count == 1 else f"{count} independent answers"


def recovered(row: BrokerPosition, said_as: str | None, count: int, owner: str) -> str:
    """Why a position entered the book; `said_as` are its side and size in words."""
    at = "" if row.price is None else f" at {plain(row.price)}"
    return (
        f"{answers(count)} list {named(row.symbol, row.ticket)}, {said_as}{at}, and the book lacked it: "
        f"adopted as the broker states it, owned by {owner}"
    )


def restored(row: BrokerPosition, count: int, correction_id: str) -> str:
    """Why a position that had been closed as a ghost is back."""
    return (
        f"{answers(count)} list {named(row.symbol, row.ticket)}, {described(row)}, which correction "
        f"{correction_id} had closed as gone: restored, that correction was wrong"
    )


def vanished(holding: Holding, count: int, because: str) -> str:
    """Why a position left the book."""
    return (
        f"{answers(count)} do not list {named(holding.symbol, holding.ticket)}, {described(holding)}"
        f"{because}: closed in the book"
    )


def corrected(symbol: str, ticket: str | None, changes: list[tuple[str, str, str]], count: int) -> str:
    """Why fields of a position changed; changes are (field, before, after)."""
    what = ", ".join(f"{field} {before} -> {after}" for field, before, after in changes)
    return f"{answers(count)} state {named(symbol, ticket)} otherwise than the book: {what}; the broker is right"


def missed(symbol: str, ticket: str | None, execution_id: str, quantity: Decimal) -> str:
    """Why an execution entered that the process had not recorded."""
    verb = "sold" if quantity.is_signed() else "bought"
    return (
        f"the broker reports execution {execution_id}, {verb} {plain(quantity.copy_abs())} "
        f"{named(symbol, ticket)}, which the book lacked: entered as a missed fill"
    )


def title(key: Key, symbol: str) -> str:
    """A key for a person: the symbol with its ticket, or what an unbound entry is known by."""
    if is_unbound(key):
        return f"{symbol} ({key[1:]}, no ticket yet)"
    return symbol if key == symbol else f"{symbol} {key}"
