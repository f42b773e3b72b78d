"""Which tables tell of orders: what the book holds, what the broker lists, what nobody knows, and how each went?"""

from __future__ import annotations

from typing import Final

from trueup_projections.columns import ACCOUNT, CAUSE, ONE_ACCOUNT, POSITION, audited
from trueup_projections.schema import Column, Table, may, moment, must

_TERMS: Final = (
    must("symbol", "text", "by its one canonical name"),
    must("side", "text", "`buy` or `sell`"),
    must("type", "text", "such as `limit`, `stop`, `stop_limit`, `market`"),
    must("quantity", "decimal", "as ordered, without sign, in the instrument's unit"),
)
_PRICES: Final = (
    may("average_price", "decimal", "of what was filled; NULL: nobody states it"),
    may(
        "limit", "decimal", 'limit price, NULL: not reported; write `"limit"` in SQL, where the bare word is a keyword'
    ),
    may("stop", "decimal", "stop price; NULL: not reported"),
    may("reduce_only", "flag", "1: it must not open or turn a position; NULL: not reported"),
)
_STATUS: Final = (
    must("status", "text", "one of trueup's words; `unknown` for a word that nobody knows"),
    may("raw_status", "text", "a word beside it: one that nobody knows, as it came, or why it ended"),
)


def _of_broker() -> tuple[Column, ...]:
    """The columns of an order as the broker states it."""
    return (
        ACCOUNT,
        must("ref", "text", "the broker's order id, else `~` and the client order id"),
        may("order_id", "text", "the broker's own id"),
        may("client_order_id", "text", "as the broker states it"),
        *_TERMS,
        may("filled", "decimal", "cumulative; NULL: not reported"),
        *_PRICES,
        *_STATUS,
        may("ticket", "text", "the position that it belongs to, where the broker states one"),
        may("strategy", "text", "its owner, where the broker's data names one"),
        may("updated_at", "text", "the broker's own time: evidence, never order"),
        may("spelling", "text", "the broker's own name of the symbol, where it differs"),
    )


ORDERS: Final = Table(
    "orders",
    "Orders: the book",
    "What the trading process believes of its orders: the working ones, and at least the last 10,000 that ended.",
    ("account", "client_order_id"),
    (
        ACCOUNT,
        must("client_order_id", "text", "ours; `external:…` for an adopted one that had none"),
        may("order_id", "text", "the broker's own id; NULL: not known yet"),
        *_TERMS,
        must("filled", "decimal", "cumulative, without sign; more than `quantity` when it was overfilled"),
        must("executed", "decimal", "what its executions add up to, without sign"),
        must("remaining", "decimal", "what may still be filled; 0 when it was overfilled"),
        *_PRICES,
        *_STATUS,
        must("is_open", "flag", "1: more is to be expected of it"),
        must("overfilled", "flag", "1: it was filled beyond its size, exactly reckoned, whatever the tolerance"),
        must("strategy", "text", "its owner; `external` when nobody could name one"),
        may("parent", "text", "the plan that it is a part of"),
        may("scheduled_for", "text", "when it is planned to be sent, ISO 8601"),
        may("ticket", "text", "the position that it belongs to, where somebody named one"),
        may("mark", "text", "what a person should know: `no price`, filled at a price that nobody states"),
        may("pending_position", "integer", "where it was recorded before it was sent; NULL: heard of only afterwards"),
        *moment("heard", "when we first heard of it"),
        must("changed_position", "integer", "journal position of its last change"),
        *moment("changed", "when the book last changed it, an execution of it counted"),
    ),
    links=(ONE_ACCOUNT, audited("pending_position"), audited("changed_position")),
    indexes=(("account", "is_open"), ("account", "symbol"), ("account", "order_id"), ("account", "parent")),
)

BROKER_ORDERS: Final = Table(
    "broker_orders",
    "Orders: the broker",
    "What the broker's last complete list of working orders stands for.",
    ("account", "ref"),
    (
        *_of_broker(),
        may("known_as", "text", "client order id of the book's order that it is; NULL: the book has none such"),
    ),
    links=(ONE_ACCOUNT,),
    indexes=(("account", "symbol"), ("account", "known_as")),
)

ORPHANS: Final = Table(
    "orphans",
    "Orphans",
    "Orders that work at the broker, by its last complete list, and that neither the book nor trueup knows.",
    ("account", "ref"),
    (
        *_of_broker(),
        may("protects", "text", "key of the position that it guards: such a one is never cancelled; NULL: of none"),
        may("break_id", "text", "the break about it, which says since when and what becomes of it; NULL: none is open"),
    ),
    links=(ONE_ACCOUNT, (("account", "break_id"), "breaks", ("account", "id"))),
    indexes=(("account", "symbol"),),
)

ORDER_STEPS: Final = Table(
    "order_steps",
    "Steps of orders",
    "One row each time that the book's word on an order changed: what it said from then on. Never changed.",
    ("account", "position", "client_order_id"),
    (
        ACCOUNT,
        POSITION,
        must("client_order_id", "text", "as in `orders`"),
        *moment("at", "when the input that changed it reached us"),
        may("cause", "integer", "of a decision: journal position of its input"),
        must("said_by", "text", "`process`, `fill`, `broker` (nothing differed), or `correction`"),
        may("correction", "text", "id of the correction that it was"),
        may("order_id", "text", "the broker's own id"),
        *_TERMS,
        must("filled", "decimal", "cumulative"),
        *_PRICES,
        *_STATUS,
        must("is_over", "flag", "1: nothing more was to be expected of it"),
        may("mark", "text", "as in `orders`"),
    ),
    links=(ONE_ACCOUNT, audited(), audited(CAUSE.name)),
    indexes=(("account", "client_order_id", "position"), ("account", "order_id")),
)
