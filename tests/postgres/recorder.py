"""What does the process do that records while its server is killed? Run as a script: `recorder.py URL ACCOUNT`."""

from __future__ import annotations

import sys
from decimal import Decimal
from time import monotonic, sleep

from trueup.changes import Fill
from trueup.clock import SystemClock
from trueup.errors import JournalError
from trueup.journal import open_writer
from trueup.ledger import Claim, Ledger
from trueup.policy import Policy

PAUSE_S = 0.02
GIVE_UP_S = 60


def main() -> None:
    """Records fills e1, e2, … and says each on a line of its own once it is durable; what failed is tried again."""
    url, account = sys.argv[1:]
    ledger = Ledger(open_writer(url, account), SystemClock(), Claim(policy=Policy.adopt()))
    n, since = 1, monotonic()
    while monotonic() - since < GIVE_UP_S:
        fill = Fill(execution_id=f"e{n}", symbol="EURUSD", side="buy", quantity=Decimal("0.01"), price="1.0543")
        try:
            ledger.record(fill)
        except JournalError as error:
            print("failed", ledger.gate.status, str(error).replace("\n", " "), flush=True)
            sleep(PAUSE_S)  # real time: a server is coming back
            continue
        print("stored", n, ledger.state.epoch, flush=True)
        n, since = n + 1, monotonic()


if __name__ == "__main__":
    main()
