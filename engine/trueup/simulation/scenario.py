"""Of what is one simulated history made? Settings, and happenings in time: plain values that can be kept and cut.

A scenario is drawn from a seed (`drawing`), played (`world`), shortened where it fails (`shrinking`) and told
(`story`). It holds everything that chance decided, but for the small numbers that `dice` gives each answer and
message; those hang on the seed alone.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from trueup.journal import Durability
from trueup.model import PositionMode
from trueup.policy import Instrument, Policy

Faults: TypeAlias = Literal["light", "heavy", "all"]
SYMBOLS: Final = ("EURUSD", "BTC/USD", "AAPL", "XAUUSD")
PRICES: Final = {
    "EURUSD": Decimal("1.0543"),
    "BTC/USD": Decimal("43210.5"),
    "AAPL": Decimal("187.15"),
    "XAUUSD": Decimal("2031.25"),
}
"""One price each: what a position cost then does not hang on the order in which its fills are told."""
LOT: Final = Decimal("0.01")
RENAMED: Final = "EURUSD.m"
"""What the broker may come to call EURUSD; the policy knows both (L33)."""
INSTRUMENTS: Final = {"EURUSD": Instrument(aliases=(RENAMED,))}


class Happening(msgspec.Struct, frozen=True, array_like=True):
    """One thing that happens by itself."""

    at_ms: int
    """When, in virtual milliseconds."""
    name: str
    numbers: tuple[int, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a world is like before anything happens in it."""

    mode: PositionMode = "hedging"
    policy: Policy
    policies: tuple[Policy, ...] = ()
    """Others that the process may be restarted with."""
    honest: bool = False
    """What law 3 supposes: nothing is lost, nobody else trades, no answer is staler than declared."""
    bot: Literal["fills", "positions"] = "fills"
    """What the trading process records: executions, or whole positions."""
    named_by: Literal["ticket", "order"] = "ticket"
    """How a hedging fill names the position that it opens: by ticket, or by the order that became it (MT5)."""
    lists_orders: bool = False
    """Whether the broker can be asked for its orders; then it can be asked to act, too."""
    action_faults: tuple[int, ...] = ()
    """What goes wrong with two of five actions, by number; `desk.ACTION_FAULTS` are there to draw from."""
    names_clients: bool = False
    """Whether the broker's list of executions names our own ids of their orders."""
    bold: bool = False
    """Whether the process sends orders whatever the gate says (which is written down all the same)."""
    priced: bool = True
    """Whether the broker's rows state a price."""
    stamped: bool = False
    """Whether the broker's rows, orders and executions state its own times: evidence, never order (L46)."""
    baseline: bool = True
    durability: Durability = "full"
    held: tuple[int, ...] = ()
    """Signed lots of the positions that exist before the process first starts, one for each symbol in turn."""
    lag_ms: int = 2_000
    """How stale an answer may be, as the adapter declares it."""
    latency_ms_max: int = 200
    message_ms_max: int = 1_000
    """How long a message takes when nothing is wrong."""
    poll_ms: int = 2_000
    """How often the shell looks after inbox and connection, and `tick_ms` the bot after its passes."""
    tick_ms: int = 1_000
    minutes: int = 5


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One history, as it is going to be."""

    seed: int
    settings: Settings
    happenings: tuple[Happening, ...] = ()

    @property
    def quiet_ms(self) -> int:
        """When faults stop."""
        return self.settings.minutes * 60_000


def to_json(scenario: Scenario) -> bytes:
    """The scenario as JSON, to be kept and played again."""
    return msgspec.json.encode(scenario)


def from_json(text: bytes | str) -> Scenario:
    """The scenario that `to_json` wrote. Raises msgspec.ValidationError, msgspec.DecodeError."""
    return msgspec.json.decode(text, type=Scenario)
