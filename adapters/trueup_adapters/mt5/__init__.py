"""How is an MT5 gateway asked, over ZeroMQ, and what do its answers mean?

Reading order:
    address   where a gateway may be, and when a connection there is safe
    rows      the rows that a reply may hold, and what their cells must be
    positions rows into positions, one by one
    deals     rows into executions, one by one
    wire      bytes into an `Answer`; pure
    memory    the same, at the price of one decode while nothing changes
    socket    a question's bytes out, its reply's bytes in, whatever happens between
    broker    the two joined: `Mt5Broker`
"""

from trueup_adapters.mt5.address import CurveKeys
from trueup_adapters.mt5.broker import Mt5Broker

__all__ = ["CurveKeys", "Mt5Broker"]
