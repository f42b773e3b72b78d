"""Which questions are asked often of orders, actions and stops, and what is their SQL?

As in `queries`: ages are reckoned to the last event that the tables hold.
"""

from __future__ import annotations

from typing import Final

from trueup_projections.schema import Query

UNSETTLED_ACTIONS: Final = Query(
    "unsettled_actions",
    "Asked of the broker and not settled",
    "Actions that wait to be sent, for an answer or for a look-up, the oldest first; `age_ms` up to the last event.",
    """
    SELECT x.account, x.kind, x.purpose, x.symbol, x.ticket, x.side, x.quantity, x.stop, x.order_id, x.state, x.attempt,
           x.answer, x.look_ups, x.sightings, x.why, x.requested_at,
           max(0, a.at_ns - x.requested_at_ns) / 1000000 AS age_ms, x.client_id
    FROM actions AS x JOIN accounts AS a ON a.account = x.account
    WHERE x.is_open = 1
    ORDER BY age_ms DESC, x.account, x.requested_position, x.client_id
    """,
)

ORDERS_WITHOUT_PRICE: Final = Query(
    "orders_without_price",
    "Filled at a price that nobody states",
    "Orders of the book that are filled and have no price, the latest first; `mark` is `no price` once that was given "
    "up. A price is never made up.",
    """
    SELECT account, client_order_id, order_id, symbol, side, filled, mark, strategy, changed_at, changed_position
    FROM orders WHERE status = 'filled' AND average_price IS NULL
    ORDER BY changed_at_ns DESC, account, client_order_id
    """,
)

ORPHANS_OVER_TIME: Final = Query(
    "orphans_over_time",
    "Orphans over time",
    "Each time that an order worked at the broker and nobody here knew it, the latest first: for how long (up to the "
    "account's last event where it lasts), and what became of it.",
    """
    SELECT b.account, b.symbol, b.ticket AS order_name, b.broker AS says, b.opened_at, b.over_at,
           max(0, coalesce(b.over_at_ns, a.at_ns) - b.opened_at_ns) / 1000000 AS lasted_ms,
           b.state, b.sightings, b.why, b.id
    FROM breaks AS b JOIN accounts AS a ON a.account = b.account
    WHERE b.of = 'order' AND b.kind = 'recovery' AND substr(b.key, 1, 1) = '@'
    ORDER BY b.opened_at_ns DESC, b.account, b.id
    """,
)

LATE_FILLS: Final = Query(
    "late_fills",
    "Late fills",
    "Executions that were heard of after the book's order had ended without being filled: canceled, rejected, expired, "
    "failed or replaced. `late_ms` after that end was known.",
    """
    WITH named AS (
        SELECT f.*, coalesce(
            (SELECT n.client_order_id FROM order_steps AS n WHERE n.account = f.account
             AND n.client_order_id = f.client_order_id LIMIT 1),
            (SELECT n.client_order_id FROM order_steps AS n WHERE n.account = f.account AND n.order_id = f.order_id
             ORDER BY n.position DESC LIMIT 1)) AS of_order
        FROM fills AS f
    )
    SELECT f.account, f.execution_id, s.client_order_id, f.symbol, f.side, f.quantity, f.price, s.status AS ended_as,
           s.at AS ended_at, f.heard_at, max(0, f.heard_at_ns - s.at_ns) / 1000000 AS late_ms,
           s.position AS ended_position, f.heard_position
    FROM named AS f JOIN order_steps AS s ON s.account = f.account AND s.client_order_id = f.of_order AND s.position = (
        SELECT max(last.position) FROM order_steps AS last WHERE last.account = f.account
        AND last.client_order_id = f.of_order AND last.position < f.heard_position)
    WHERE s.is_over = 1 AND s.status <> 'filled'
    ORDER BY f.heard_at_ns DESC, f.account, f.execution_id
    """,
)

OVERFILLED: Final = Query(
    "overfilled",
    "Filled beyond their size",
    "Orders of which more was filled than was ordered, the latest first.",
    """
    SELECT account, client_order_id, order_id, symbol, side, quantity, filled, executed, status, strategy, changed_at,
           changed_position
    FROM orders WHERE overfilled = 1
    ORDER BY changed_at_ns DESC, account, client_order_id
    """,
)

ORDERS_AND_BROKER: Final = Query(
    "orders_and_broker",
    "Orders: book against broker",
    "Every order that works in the book or that the broker listed last, with what each side says; `sides`: `both`, "
    "`book` (the broker does not list it) or `broker` (the book lacks it).",
    """
    SELECT o.account, o.client_order_id, coalesce(o.order_id, b.order_id) AS order_id, o.symbol, o.side, o.type,
           o.quantity AS book_quantity, b.quantity AS broker_quantity, o.filled AS book_filled,
           b.filled AS broker_filled, o."limit" AS book_limit, b."limit" AS broker_limit, o.stop AS book_stop,
           b.stop AS broker_stop, o.status AS book_status, b.status AS broker_status, o.strategy,
           CASE WHEN b.ref IS NULL THEN 'book' ELSE 'both' END AS sides
    FROM orders AS o LEFT JOIN broker_orders AS b ON b.account = o.account AND b.known_as = o.client_order_id
    WHERE o.is_open = 1 OR b.ref IS NOT NULL
    UNION ALL
    SELECT b.account, b.client_order_id, b.order_id, b.symbol, b.side, b.type, NULL, b.quantity, NULL, b.filled, NULL,
           b."limit", NULL, b.stop, NULL, b.status, b.strategy, 'broker'
    FROM broker_orders AS b WHERE b.known_as IS NULL
    ORDER BY 1, 4, 2, 3
    """,
)

UNPROTECTED_NOW: Final = Query(
    "unprotected_now",
    "Without a working stop now",
    "Open positions that have no working stop although the policy asks for one, the longest first; `age_ms` since the "
    "time that it was first seen without, up to the account's last event.",
    """
    SELECT p.account, p.symbol, p.ticket, p.state, p.attempts, p.why, since.at AS since,
           max(0, a.at_ns - since.at_ns) / 1000000 AS age_ms, p.key, p.position
    FROM protection AS p JOIN accounts AS a ON a.account = p.account
    JOIN protection AS since ON since.account = p.account AND since.position = (
        SELECT min(first.position) FROM protection AS first WHERE first.account = p.account AND first.key = p.key
        AND first.position > coalesce((
            SELECT max(over.position) FROM protection AS over WHERE over.account = p.account AND over.key = p.key
            AND over.state = 'protected'), 0))
    WHERE p.state <> 'protected' AND p.position = (
        SELECT max(last.position) FROM protection AS last WHERE last.account = p.account AND last.key = p.key)
    ORDER BY age_ms DESC, p.account, p.key
    """,
)

OVERRIDDEN: Final = Query(
    "overridden",
    "When the gate was overridden",
    "Each override with who gave it, why, and for how long it held, the latest first; `ended`: the next word on that "
    "scope, NULL where there is none: it ends by itself at `until_at`, and with the writer's tenure.",
    """
    SELECT g.account, g.scope, g.who, g.why, g.at AS since, g.until_at, e.at AS ended_at, e.why AS ended,
           max(0, min(coalesce(e.at_ns, a.at_ns), g.until_at_ns) - g.at_ns) / 1000000 AS lasted_ms, g.position
    FROM overrides AS g JOIN accounts AS a ON a.account = g.account
    LEFT JOIN overrides AS e ON e.account = g.account AND e.position = (
        SELECT min(next.position) FROM overrides AS next WHERE next.account = g.account AND next.scope = g.scope
        AND next.position > g.position)
    WHERE g.state = 'granted'
    ORDER BY g.at_ns DESC, g.account, g.position
    """,
)

ORDER_QUERIES: Final = (
    UNSETTLED_ACTIONS,
    ORDERS_WITHOUT_PRICE,
    ORPHANS_OVER_TIME,
    LATE_FILLS,
    OVERFILLED,
    ORDERS_AND_BROKER,
    UNPROTECTED_NOW,
    OVERRIDDEN,
)
