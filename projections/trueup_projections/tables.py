"""Which tables does a views file hold?"""

from __future__ import annotations

from typing import Final

from trueup_projections import live_tables as live
from trueup_projections import log_tables as log
from trueup_projections.schema import Table

SCHEMA_VERSION: Final = 1
"""Of tables, views and their meaning. A views file of another version is made anew from the journal."""

TABLES: Final[tuple[Table, ...]] = (
    live.ACCOUNTS,
    log.AUDIT,
    log.EPOCHS,
    log.POLICIES,
    live.PASSES,
    log.OBSERVATIONS,
    log.REFUSED,
    live.BREAKS,
    log.BREAK_STEPS,
    live.FILLS,
    log.CORRECTIONS,
    log.ALERTS,
    log.GATE,
    log.QUARANTINE,
    live.POSITIONS,
    live.BROKER_POSITIONS,
    live.EXPOSURE,
)
"""In an order in which each links only to those before it, or itself."""
