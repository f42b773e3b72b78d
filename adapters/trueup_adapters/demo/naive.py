"""How would a bot without trueup have fared? Two of them run along, made as such bots are made.

`Keeper` believes its memory: a file of what it did itself. `Mirror` believes every answer: whatever list comes back
is the truth, and what goes wrong is an empty list. Nobody invented their books: they really remember, and really ask.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import zmq

from trueup.model import plain
from trueup_adapters.demo.lines import Positions

MIRROR_MS_MAX: Final = 400


class Keeper:
    """A bot that writes what it did into a file, and believes it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.book: Positions = json.loads(file.read_text("utf-8")) if file.exists() else {}

    def filled(self, name: str, what: str) -> None:
        """It learns of its own fills, when it lives to learn of them."""
        self.book[name] = what
        self._file.write_text(json.dumps(self.book, indent=1), "utf-8")


class Mirror:
    """A bot that asks the gateway now and then, and believes what it hears."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.book: Positions = {}

    def sync(self) -> list[str]:
        """Ask once; afterwards its book is what was heard. Returns the names that it takes for closed."""
        heard = self._positions()
        gone = [name for name in self.book if name not in heard]
        self.book = heard
        return gone

    def _positions(self) -> Positions:
        """The list, or an empty one: this is the mistake (L01), made on purpose and widely imitated."""
        with zmq.Context() as context, context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.rcvtimeo = MIRROR_MS_MAX
            socket.connect(self._url)
            socket.send(b'{"action": "GET_POSITIONS", "symbol": "*"}')
            try:
                reply = json.loads(socket.recv(), parse_float=Decimal)
            except zmq.Again:
                return {}
        return positions_in(reply["positions"])


def positions_in(rows: list[dict[str, Any]]) -> Positions:
    """The positions in a gateway's rows, in the demo's words."""
    side = {"buy": "long", "sell": "short"}
    return {f"{row['symbol']} #{row['ticket']}": f"{side[row['type']]} {plain(Decimal(row['volume']))}" for row in rows}


def differences(believed: Positions, real: Positions) -> list[str]:
    """In what a belief is wrong, position by position."""
    wrong: list[str] = []
    for name in sorted({*believed, *real}):
        if name not in believed:
            wrong.append(f"does not know of {name} ({real[name]})")
        elif name not in real:
            wrong.append(f"still counts on {name} ({believed[name]})")
        elif believed[name] != real[name]:
            wrong.append(f"takes {name} for {believed[name]} where there is {real[name]}")
    return wrong
