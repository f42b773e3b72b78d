"""What does the process do that is killed? It trades on its book, asks a real gateway, and says what was acknowledged.

Run by the tests in a process of its own; every line it prints is about something that has returned.
"""

from __future__ import annotations

import os
import sys
import time
from decimal import Decimal

import trueup.ledger
from trueup import Fill, Policy, Reconciler
from trueup.deliveries import BookChange
from trueup_adapters.mt5 import Mt5Broker

ACCOUNT = "mt5:5001"
SNAPSHOTS_EVERY = 25
"""So often that a kill also meets snapshots, and a restart begins from one."""


def policy() -> Policy:
    """Everything is settled at once: as many corrections as can be had."""
    return Policy.adopt(
        confirm_interval_ms=0,
        mass_absence_count_min=1_000,
        confirmations_total=2,
        total_absence_s=0,
        correction_attempts_max=1_000_000,
        startup_timeout_s=2,
    )


def reconciler(url: str, gateway: str, told: str) -> Reconciler:
    """The account, opened; each correction that is handed over becomes a line in the file `told`."""
    trueup.ledger.SNAPSHOT_EVERY = SNAPSHOTS_EVERY  # type: ignore[misc]

    def hand_over(change: BookChange) -> None:
        with open(told, "ab", buffering=0) as file:
            file.write(f"{change.cursor} {change.correction_id}\n".encode())
        time.sleep(0.001)  # the trading process has something to do with it

    return Reconciler.open(
        url,
        account=ACCOUNT,
        broker=Mt5Broker(gateway, lag_ms_max=0),
        policy=policy(),
        baseline=False,
        on_correction=hand_over,
        wait_s=10,
    )


def say(*words: object) -> None:
    """One acknowledgement, one write: a kill cuts a line off, it never mixes two."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def main() -> None:
    """Record, ask, record, ask, until killed; or, with a fifth argument, just so many rounds and an orderly end."""
    url, gateway, told, epoch, *rounds = sys.argv[1:]
    with reconciler(url, gateway, told) as rec:
        say("open", rec.get_status().epoch)
        number = 0
        while not rounds or number < int(rounds[0]):
            number += 1
            fills = [
                Fill(
                    execution_id=f"{epoch}-{number}-{part}",
                    symbol="OWN",
                    side="buy",
                    quantity=Decimal("0.5"),
                    price="1.5",
                    ticket=f"7{number % 5}",  # tickets that no broker knows: each becomes a ghost
                )
                for part in range(1 + number % 3)
            ]
            position = rec.record(fills)
            say("recorded", position, *(fill.execution_id for fill in fills))
            report = rec.sync_positions(timeout_s=5)
            say("passed", rec.get_status().position, report.status, *{row.id for row in report.corrections})
