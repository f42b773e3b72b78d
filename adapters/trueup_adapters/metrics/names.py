"""Which metrics are there, and what does each say?

The collector, docs/reference/metrics.md, the Grafana dashboard and the alert rules are all held to this table by tests.
No label holds text from outside without bound: symbols appear on one metric only, the largest few and `other`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

SYMBOLS_MAX: Final = 10
"""Symbols that are told apart; the rest is `other` (law 12)."""
OTHER: Final = "other"


class Metric(msgspec.Struct, frozen=True):
    """One metric, as it is exposed."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ("account",)


METRICS: Final = (
    Metric("reconciliation_mismatches_total", "counter", "Breaks opened since the process began.", ("account", "kind")),
    Metric("trueup_corrections_total", "counter", "Corrections since the process began.", ("account", "kind")),
    Metric("trueup_alerts_total", "counter", "Alerts raised since the process began.", ("account", "severity")),
    Metric(
        "trueup_observations_total", "counter", "Questions answered, or not, since the process began.",
        ("account", "surface", "completeness"),
    ),
    Metric("trueup_passes_total", "counter", "Passes that have ended.", ("account", "kind", "status")),
    Metric("trueup_pass_duration_seconds", "histogram", "How long passes took."),
    Metric("trueup_verified_age_seconds", "gauge", "Since the question behind the last answer was asked; +Inf: never."),
    Metric("trueup_broker_answer_seconds", "gauge", "How long the last question about positions took."),
    Metric("trueup_broker_failures", "gauge", "Questions about positions in a row that brought nothing."),
    Metric("trueup_gate", "gauge", "1 for what the gate is, 0 for what it is not.", ("account", "status")),
    Metric("trueup_limited_symbols", "gauge", "Symbols that may only be reduced."),
    Metric("trueup_quarantined_scopes", "gauge", "Scopes in which new risk is refused."),
    Metric("trueup_open_breaks", "gauge", "Breaks that are open.", ("account", "of", "kind")),
    Metric("trueup_oldest_break_seconds", "gauge", "How long the oldest open break has been open; 0: none is."),
    Metric("trueup_held_positions", "gauge", "Positions that a mass absence holds back."),
    Metric("trueup_refused_rows", "gauge", "Rows of the last answer that could not be used."),
    Metric("trueup_book_positions", "gauge", "Positions in the book."),
    Metric("trueup_unprotected_positions", "gauge", "Positions at the broker for which no stop is known."),
    Metric(
        "trueup_orphan_exposure", "gauge",
        "Positions that the broker has and the book lacks: size by price, in the symbol's own currency.",
        ("account", "symbol"),
    ),
    Metric("trueup_orphan_unpriced", "gauge", "Of those, how many have no known price and are not in the exposure."),
    Metric("trueup_orphan_orders", "gauge", "Orders that the broker has and the book lacks."),
    Metric("trueup_actions_outstanding", "gauge", "Things asked of the broker whose outcome is not settled."),
    Metric("trueup_journal_position", "gauge", "The journal's last position."),
    Metric("trueup_journal_failing", "gauge", "1 while the journal cannot be written."),
    Metric("trueup_alerts_waiting", "gauge", "Alerts that a channel has not been told yet.", ("account", "channel")),
    Metric("trueup_alerts_failing", "gauge", "Tries in a row that did not reach a channel.", ("account", "channel")),
)  # fmt: skip
"""Every metric, by what one asks first."""
BUCKETS_MS: Final = (5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
"""Upper bounds of `trueup_pass_duration_seconds`."""
