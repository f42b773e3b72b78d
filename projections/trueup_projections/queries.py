"""Which questions are asked often, and what is their SQL?

Each `Query` becomes an SQL view. Ages are reckoned to the last event that the tables hold, not to the moment of
asking: the same file gives the same answer for ever, also for a moment of the past.
"""

from __future__ import annotations

from typing import Final

from trueup_projections.order_queries import ORDER_QUERIES
from trueup_projections.schema import Query

OPEN_BREAKS: Final = Query(
    "open_breaks",
    "Open breaks by age",
    "What the two sides disagree on now, the oldest first; `age_ms` up to the account's last event.",
    """
    SELECT b.account, b.of, b.symbol, b.ticket, b.kind, b.field, b.state, b.book, b.broker, b.sightings, b.why,
           b.opened_at, max(0, a.at_ns - b.opened_at_ns) / 1000000 AS age_ms, b.id
    FROM breaks AS b JOIN accounts AS a ON a.account = b.account
    WHERE b.is_open = 1
    ORDER BY age_ms DESC, b.account, b.symbol, b.id
    """,
)

CORRECTIONS_BY_CAUSE: Final = Query(
    "corrections_by_cause",
    "Corrections by cause",
    "How often the book had to be changed, by what was changed, by kind and, for ghosts, by the reason of the exit; "
    "`undone`: how many of them a later correction took back.",
    """
    SELECT c.account, c.of, c.kind, c.exit_reason, count(*) AS corrections, count(DISTINCT c.symbol) AS symbols,
           sum(EXISTS (SELECT 1 FROM corrections AS later WHERE later.account = c.account
                       AND later.compensates = c.id)) AS undone,
           min(c.at) AS first_at, max(c.at) AS last_at
    FROM corrections AS c
    GROUP BY c.account, c.of, c.kind, c.exit_reason
    ORDER BY corrections DESC, c.account, c.of, c.kind
    """,
)

BLIND: Final = Query(
    "blind",
    "Time blind to the broker",
    "The spans between answers (complete or partial) about one surface, the longest first; `unanswered`: how many "
    "questions in between brought nothing; `restarted`: 1 when the writer was replaced in between. A clock that was "
    "set back makes a span of 0.",
    """
    WITH answered AS (
        SELECT account, surface, position, epoch, received_at, received_at_ns,
               lag(received_at) OVER each AS blind_from, lag(received_at_ns) OVER each AS from_ns,
               lag(position) OVER each AS from_position, lag(epoch) OVER each AS from_epoch
        FROM observations WHERE completeness IN ('complete', 'partial')
        WINDOW each AS (PARTITION BY account, surface ORDER BY position)
    )
    SELECT account, surface, blind_from, received_at AS blind_until,
           max(0, received_at_ns - from_ns) / 1000000 AS blind_ms,
           (SELECT count(*) FROM observations AS o WHERE o.account = answered.account
            AND o.surface = answered.surface AND o.completeness = 'failed'
            AND o.position > from_position AND o.position < answered.position) AS unanswered,
           epoch <> from_epoch AS restarted, from_position, position AS until_position
    FROM answered WHERE from_position IS NOT NULL
    ORDER BY blind_ms DESC, account, surface, position
    """,
)

LAST_PASSES: Final = Query(
    "last_passes",
    "Last passes",
    "The last twenty passes of each account, the latest first.",
    """
    SELECT account, pass, kind, status, began_at, ended_at, max(0, ended_at_ns - began_at_ns) / 1000000 AS took_ms,
           observations, unanswered, surfaces, corrections, open_breaks, held, unsettled, unprotected, epoch
    FROM (SELECT *, row_number() OVER (PARTITION BY account ORDER BY pass DESC) AS latest FROM passes)
    WHERE latest <= 20
    ORDER BY account, pass DESC
    """,
)

BOOK_AND_BROKER: Final = Query(
    "book_and_broker",
    "Book against broker",
    "Every key of either side with what each says; `agrees` compares side, quantity and nothing else, exactly.",
    """
    SELECT k.account, k.key, coalesce(p.symbol, b.symbol) AS symbol, coalesce(p.ticket, b.ticket) AS ticket,
           p.signed_quantity AS book, b.signed_quantity AS broker, p.price AS book_price, b.price AS broker_price,
           p.strategy, p.signed_quantity IS b.signed_quantity AS agrees
    FROM (SELECT account, key FROM positions UNION SELECT account, key FROM broker_positions) AS k
    LEFT JOIN positions AS p ON p.account = k.account AND p.key = k.key
    LEFT JOIN broker_positions AS b ON b.account = k.account AND b.key = k.key
    ORDER BY agrees, k.account, symbol, k.key
    """,
)

GATE_SPANS: Final = Query(
    "gate_spans",
    "How long the gate stood how",
    "Each answer of the gate with how long it held, the latest first; the last one up to the account's last event.",
    """
    SELECT g.account, g.status, g.why, g.symbols, g.at AS since, g.position,
           max(0, coalesce(lead(g.at_ns) OVER (PARTITION BY g.account ORDER BY g.position), a.at_ns) - g.at_ns)
               / 1000000 AS lasted_ms
    FROM gate AS g JOIN accounts AS a ON a.account = g.account
    ORDER BY g.account, g.position DESC
    """,
)

QUARANTINED_NOW: Final = Query(
    "quarantined_now",
    "In quarantine now",
    "Scopes in which no new risk is taken, the longest first; `age_ms` up to the account's last event.",
    """
    SELECT q.account, q.scope, q.why, q.break_id, q.at AS since, max(0, a.at_ns - q.at_ns) / 1000000 AS age_ms,
           q.position
    FROM quarantine AS q JOIN accounts AS a ON a.account = q.account
    WHERE q.state = 'entered' AND q.position = (
        SELECT max(last.position) FROM quarantine AS last WHERE last.account = q.account AND last.scope = q.scope)
    ORDER BY age_ms DESC, q.account, q.scope
    """,
)

FILLS_NOBODY_RECORDED: Final = Query(
    "fills_nobody_recorded",
    "Fills that the process never recorded",
    "Executions known from the broker alone, the latest first: lost fill messages, or somebody else's trades.",
    """
    SELECT account, execution_id, symbol, side, quantity, price, strategy, heard_at, adopted_position, listed_position
    FROM fills WHERE recorded_position IS NULL
    ORDER BY heard_at_ns DESC, account, execution_id
    """,
)

QUERIES: Final[tuple[Query, ...]] = (
    OPEN_BREAKS,
    CORRECTIONS_BY_CAUSE,
    BLIND,
    LAST_PASSES,
    BOOK_AND_BROKER,
    GATE_SPANS,
    QUARANTINED_NOW,
    FILLS_NOBODY_RECORDED,
    *ORDER_QUERIES,
)
