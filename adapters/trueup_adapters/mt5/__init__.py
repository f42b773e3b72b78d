"""How is an MT5 gateway asked, over ZeroMQ, and what do its answers mean?

Reading order:
    address   where a gateway may be, and when a connection there is safe
    key_files which CURVE keys, and from where
    rows      the rows that a reply may hold, and what their cells must be
    texts     what a row's text says that its cells do not
    positions rows into positions, one by one
    deals     rows into executions, one by one
    order_words  what an order's kind and state may be called
    orders    rows into orders, one by one
    heads     whether a reply answers at all
    wire      bytes into an `Answer`; pure
    outcomes  bytes into an `Outcome`; pure
    requests  questions and actions into bytes; pure
    memory    positions as `wire` reads them, at the price of one decode while nothing changes
    socket    a question's bytes out, its reply's bytes in, whatever happens between
    broker    all of it joined: `Mt5Broker`
"""

from trueup_adapters.mt5.address import CurveKeys
from trueup_adapters.mt5.broker import Mt5Broker

__all__ = ["CurveKeys", "Mt5Broker"]
