"""Which tables does a views file hold?"""

from __future__ import annotations

from typing import Final

from trueup_projections import action_tables as action
from trueup_projections import live_tables as live
from trueup_projections import log_tables as log
from trueup_projections import order_tables as order
from trueup_projections.schema import Table

SCHEMA_VERSION: Final = 2
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
    action.ACTIONS,
    action.PROTECTION,
    action.OVERRIDES,
    action.PERMITS,
    order.ORDER_STEPS,
    live.POSITIONS,
    live.BROKER_POSITIONS,
    live.EXPOSURE,
    order.ORDERS,
    order.BROKER_ORDERS,
    order.ORPHANS,
)
"""In an order in which each links only to those before it, or itself."""
