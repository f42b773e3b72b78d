"""What is there to talk to without a broker? A gateway in both dialects, with a terminal and faults of its own.

For the demo, for tests, and for trying out what a bot does when its broker misbehaves.

Reading order:
    terminal  the account behind it: positions, deals, tickets; pure
    replies   what it says of that account, in either dialect; pure
    faults    how its replies go wrong, on request; pure
    server    the two sockets: one for questions, one for whoever holds the strings
    client    `Control`, to hold them
"""

from trueup_adapters.gateway.client import Control, ControlError
from trueup_adapters.gateway.server import Gateway, Ports, serve
from trueup_adapters.gateway.terminal import Terminal, TerminalError

__all__ = ["Control", "ControlError", "Gateway", "Ports", "Terminal", "TerminalError", "serve"]
