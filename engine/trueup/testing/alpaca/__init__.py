"""What does Alpaca's HTTP API do, as far as a test can make it do it, on this machine alone?

Reading order:
    things    assets, positions, orders, fills, refusals
    account   what trades do to positions, and what was before
    exits     orders that wait for one another
    desk      orders by Alpaca's rules
    rows      all of it as JSON
    lists     which orders and activities a list holds
    faults    how an answer goes wrong
    routes    one request into one reply
    server    real HTTP, by the standard library alone
    control   the strings
    fake      all of it joined: `FakeAlpaca`
"""

from trueup.testing.alpaca.control import Control
from trueup.testing.alpaca.fake import ACCOUNT_NUMBER, KEY_ID, SECRET, FakeAlpaca

__all__ = ["ACCOUNT_NUMBER", "KEY_ID", "SECRET", "Control", "FakeAlpaca"]
