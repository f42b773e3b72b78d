"""What is there to talk to without a broker? A gateway in both dialects, with a terminal and faults of its own.

For the demo, for tests, and for trying out what a bot does when its broker misbehaves.

Reading order:
    account     what there is: positions, orders, deals; pure
    orders      what becomes of an order: taken, refused, filled, cancelled; pure
    terminal    the whole account, and what a hand from outside does to it; pure
    replies     what is said of it, in either dialect; pure
    vocabulary  which questions and actions are known, and the honest reply to each; pure
    faults      how its replies go wrong, on request; pure
    server      the two sockets: one for questions, one for whoever holds the strings
    client      `Control`, to hold them
"""

from trueup_adapters.gateway.client import Control, ControlError
from trueup_adapters.gateway.server import Gateway, Ports, serve
from trueup_adapters.gateway.terminal import Terminal, TerminalError

__all__ = ["Control", "ControlError", "Gateway", "Ports", "Terminal", "TerminalError", "serve"]
