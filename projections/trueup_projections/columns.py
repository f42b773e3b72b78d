"""Which columns and links do many tables share?"""

from __future__ import annotations

from typing import Final

from trueup_projections.schema import Column, may, must

ACCOUNT: Final = must("account", "text", "`broker:id`")
POSITION: Final = must("position", "integer", "its place in the account's journal, from 1")
CAUSE: Final = must("cause", "integer", "journal position of the input that caused it")
ONE_ACCOUNT: Final = (("account",), "accounts", ("account",))


def audited(column: str = "position") -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    return (("account", column), "audit", ("account", "position"))


def holding(prefix: str, whose: str) -> tuple[Column, ...]:
    """The columns of a position or an order before or after a correction; all NULL when there is none."""
    return (
        may(
            f"{prefix}_quantity",
            "decimal",
            f"signed (+ long or bought, - short or sold), in the instrument's unit: {whose}; NULL: none",
        ),
        may(f"{prefix}_price", "decimal", f"opening or average price: {whose}; NULL: unknown"),
        may(f"{prefix}_stop", "decimal", f"stop price: {whose}; NULL: none, or not reported"),
        may(f"{prefix}_strategy", "text", f"owner: {whose}"),
        may(f"{prefix}_status", "text", f"of an order: {whose}"),
        may(f"{prefix}_filled", "decimal", f"of an order, cumulative: {whose}"),
        may(f"{prefix}_limit", "decimal", f"of an order, its limit price: {whose}; NULL: not reported"),
    )


def side(what: str) -> tuple[Column, ...]:
    """What the two sides of a position have in common."""
    return (
        ACCOUNT,
        must("key", "text", "symbol (netting), `#ticket` (hedging), or `?…` for an entry without a ticket yet"),
        must("symbol", "text", "by its one canonical name"),
        may("ticket", "text", "the broker's own id of the position"),
        must("side", "text", "`long` or `short`"),
        must("quantity", "decimal", "without sign, in the instrument's unit"),
        must("signed_quantity", "decimal", "+ long, - short, in the instrument's unit; never 0"),
        may("price", "decimal", f"opening (hedging) or average (netting) price; NULL: {what}"),
        may("stop", "decimal", "stop price; NULL: there is none, or it is not reported"),
        must("stop_reported", "flag", "1: `stop` is what was reported, NULL included; 0: nothing was said of it"),
    )
