"""How does Datasette show the read models: with which titles, descriptions and questions?

Everything is said once, with the tables and the views; this writes it as the file that `datasette serve -m` reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from trueup_projections.queries import QUERIES
from trueup_projections.schema import Query, Table
from trueup_projections.tables import TABLES

CANNED: Final[dict[str, tuple[str, str, str]]] = {
    "what_happened_to": (
        "What happened to a symbol?",
        "Every event that is about one symbol, in order.",
        "SELECT account, position, at, name, sentence FROM audit WHERE symbol = :symbol ORDER BY account, position",
    ),
    "why_was_it_corrected": (
        "Why was a correction made?",
        "A correction, its break's steps, and the evidence that they rest on, by the correction's id.",
        "SELECT s.at, s.state, s.book, s.broker, s.sightings, s.why, s.evidence, c.why AS correction "
        "FROM corrections AS c JOIN break_steps AS s ON s.account = c.account AND s.break_id = c.break_id "
        "WHERE c.id = :correction ORDER BY s.position, s.step",
    ),
    "what_follows_from": (
        "What did one input cause?",
        "An input and all decisions that it caused.",
        "SELECT position, at, what, name, sentence FROM audit WHERE account = :account "
        "AND (position = :position OR cause = :position) ORDER BY position",
    ),
    "life_of_an_order": (
        "How did an order go?",
        "What the book said of an order, step by step, who said so, and the event's sentence; by its client order id.",
        'SELECT s.at, s.said_by, s.status, s.filled, s.average_price, s.quantity, s."limit", s.stop, s.order_id, '
        "a.sentence, s.position FROM order_steps AS s "
        "JOIN audit AS a ON a.account = s.account AND a.position = s.position "
        "WHERE s.client_order_id = :client_order_id ORDER BY s.account, s.position",
    ),
    "what_was_asked_for": (
        "What was asked of the broker for a symbol?",
        "Every action about one symbol, with what became of it, in order.",
        "SELECT account, requested_at, kind, purpose, side, quantity, stop, order_id, attempt, state, answer, "
        "settled_at, why, client_id FROM actions WHERE symbol = :symbol ORDER BY account, requested_position",
    ),
    "search_the_audit": (
        "Search the audit",
        "Full-text search over all sentences; FTS5 syntax.",
        "SELECT a.account, a.position, a.at, a.name, a.sentence "
        "FROM audit_fts JOIN audit AS a ON a.rowid = audit_fts.rowid "
        "WHERE audit_fts MATCH :words ORDER BY a.account, a.position",
    ),
    "blind_for_longer_than": (
        "Blind to the broker for longer than …",
        "Spans without an answer of at least so many milliseconds.",
        "SELECT * FROM blind WHERE blind_ms >= CAST(:ms AS INTEGER)",
    ),
}
"""Questions with parameters: name -> (title, description, SQL)."""

_CHRONICLE: Final = frozenset(
    {
        "audit", "observations", "corrections", "alerts", "gate", "quarantine", "break_steps", "order_steps",
        "protection", "overrides", "permits",
    }
)  # fmt: skip
"""Shown with the latest first."""
_LATEST_BY: Final = {"passes": "pass", "actions": "requested_position", "orders": "changed_position"}
"""These too, by a column of their own."""


def metadata_path(views_path: Path) -> Path:
    """`x.views.db` -> `x.views.metadata.json`."""
    return views_path.with_suffix(".metadata.json")


def metadata(database: str) -> dict[str, Any]:
    """Datasette's metadata for one views file.

    database   the file's name without its last suffix, which is what Datasette calls it
    """
    return {
        "title": "trueup",
        "description": "What a trading process's journal says: what was seen, what was decided, and why.",
        "databases": {
            database: {
                "description": "Read models, made from the journal. They can be deleted and made anew at any time.",
                "tables": {
                    **{table.name: _table(table) for table in TABLES},
                    **{query.name: _view(query) for query in QUERIES},
                    "tracking": {"hidden": True},
                },
                "queries": {
                    name: {"title": title, "description": about, "sql": sql}
                    for name, (title, about, sql) in CANNED.items()
                },
            }
        },
    }


def write_metadata(views_path: Path) -> Path:
    """Write it beside the views file, when it is not there as it should be; where it is."""
    path = metadata_path(views_path)
    wanted = msgspec.json.format(msgspec.json.encode(metadata(views_path.stem)), indent=2)
    if not path.exists() or path.read_bytes() != wanted:
        path.write_bytes(wanted)
    return path


def _table(table: Table) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "title": table.title,
        "description": table.about,
        "columns": {column.name: column.about for column in table.columns},
    }
    if table.name in _CHRONICLE:
        shown["sort_desc"] = "position"
    elif table.name in _LATEST_BY:
        shown["sort_desc"] = _LATEST_BY[table.name]
    return shown


def _view(query: Query) -> dict[str, Any]:
    return {"title": query.title, "description": query.about}
