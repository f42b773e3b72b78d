"""What does the page about the read models say?

It is made from the tables and views themselves, so that none can be added, renamed or left out unsaid; a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trueup_projections.datasette import CANNED
from trueup_projections.queries import QUERIES
from trueup_projections.schema import Table
from trueup_projections.tables import SCHEMA_VERSION, TABLES

_KINDS: Final = {
    "text": "text",
    "integer": "integer",
    "flag": "0 or 1",
    "decimal": "decimal as text",
    "time": "ISO 8601, UTC",
    "ns": "integer ns",
    "json": "JSON text",
}

_HEAD: Final = f"""# Read models: every table and column

SQLite tables made from the journal, for people and programs that ask questions in SQL. By default they lie beside the
store, in `<store>.views.db`. How to open them with Datasette: [how-to](../how-to/datasette.md).

**This page is made from the code** (`trueup_projections.reference`); these are tables of version {SCHEMA_VERSION}.

What holds for all of them:

- **They can be deleted.** Whatever is in them comes from the journal and is made anew from it (law 11). Put nothing
  of your own into the file: it is emptied when a newer trueup has other tables.
- The first column of every table, and of every key, is the **account**.
- **Quantities and prices are exact decimals as text**, without exponent or trailing zeros; no column holds a float.
  Reckon with them in a program that has decimals: SQLite's `SUM` would make floats of them; `exposure` is exact.
- What a side does not report is NULL, and so is a price that nobody knows: none is ever made up.
- One column bears a word of SQL's own: write `"limit"`, in double quotes.
- Signed quantities are + long or bought, - short or sold, in the instrument's own unit.
- **Moments stand twice**: `…_at` to read (ISO 8601, UTC), `…_at_ns` to reckon with (whole nanoseconds since 1970).
- A *position* as a number is a place in the account's journal, and links to `audit`.
- Tables are `STRICT`; a page of events is one transaction; the file is in WAL mode, so that readers never wait.
- Reasons have a full-text index (`audit`, `breaks`, `corrections`, `alerts`, `quarantine`, `actions`, `protection`):
  `SELECT audit.* FROM audit_fts JOIN audit ON audit.rowid = audit_fts.rowid WHERE audit_fts MATCH 'mass AND absence'`.

```python no-run
from trueup_projections import Views, project

with Views.open("sqlite:///var/trueup.db") as views:   # var/trueup.db.views.db
    views.catch_up()        # project what was committed until now; returns how many events
    views.follow(stop)      # keep up until `stop`, a threading.Event, is set
    views.rebuild()         # empty the tables and make them anew

project("sqlite:///var/trueup.db", "mt5:5001", 1200, "var/then.db")   # as of journal position 1200
```
"""


def page() -> str:
    """The whole page, Markdown."""
    return "\n".join([_HEAD, *_tables(), *_questions()])


def _tables() -> Iterator[str]:
    for table in TABLES:
        yield f"## `{table.name}`\n"
        yield f"{table.about}\n"
        yield from _columns(table)
        links = [f"`{', '.join(columns)}` → `{other}`" for columns, other, _ in table.links if columns != ("account",)]
        if links:
            yield f"Links: {'; '.join(links)}.\n"
        if table.searched:
            yield f"Full text: {', '.join(f'`{name}`' for name in table.searched)}.\n"


def _columns(table: Table) -> Iterator[str]:
    yield "| column | holds | what it means |"
    yield "|---|---|---|"
    for column in table.columns:
        key = " **(key)**" if column.name in table.key else ""
        null = " or NULL" if column.null else ""
        yield f"| `{column.name}`{key} | {_KINDS[column.kind]}{null} | {column.about} |"
    yield ""


def _questions() -> Iterator[str]:
    yield "## Views: questions that are asked often\n"
    yield "| view | answers |"
    yield "|---|---|"
    for query in QUERIES:
        yield f"| `{query.name}` | {query.about} |"
    yield "\n## Questions with parameters, in Datasette\n"
    yield "| query | answers |"
    yield "|---|---|"
    for name, (_, about, _) in CANNED.items():
        yield f"| `{name}` | {about} |"
    yield ""
