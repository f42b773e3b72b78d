"""What is on the stage: the gateway and its terminal, the trading process, two naive bots, the journal?

The stage knows the truth by itself: it asks the terminal through its control socket, which no fault touches, and
never takes trueup's word for what the broker holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from trueup_adapters.demo.lines import First, Leave, Look, Looked, Positions, Started, Trade, Traded
from trueup_adapters.demo.naive import Keeper, Mirror, positions_in
from trueup_adapters.demo.processes import Child, Children
from trueup_adapters.demo.scene import NotSo
from trueup_adapters.gateway import Control

ACCOUNT: Final = "mt5:demo"
STORE: Final = "journal.db"


class Stage:
    """Everything that a scene can touch."""

    def __init__(self, folder: Path, children: Children) -> None:
        self.folder = folder
        self.children = children
        self.store = folder / STORE
        self.url = f"sqlite:///{self.store.absolute()}"
        self.terminal = folder / "terminal.json"
        self.keeper_file = folder / "naive-bot.json"
        self.gateway, self.ports = children.gateway(self.terminal)
        self.control = Control(self.ports.control_url)
        self.keeper = Keeper(self.keeper_file)
        self.mirror = Mirror(self.ports.url)
        self.bot: Child | None = None
        self.names: dict[str, str] = {}
        """By symbol, the position that the demo opened in it: `EURUSD #100001`."""

    def start_bot(self, *options: str) -> Started:
        """Start the trading process; what its start-up pass came to. Raises NotSo when it is fenced."""
        self.bot = self._bot_process("trading process", *options)
        first = self.bot.hear(First)
        if first.started is None:
            raise NotSo("start", "The trading process takes its account.", first.fenced or "")
        return first.started

    def start_rival(self) -> tuple[str | None, int]:
        """Start a second one on the same account: (by what it was fenced, if it was; its exit status)."""
        rival = self._bot_process("second process")
        fenced = rival.hear(First).fenced
        return fenced, rival.dismiss(Leave()) if fenced is None else rival.wait()

    def _bot_process(self, name: str, *options: str) -> Child:
        return self.children.start(
            name,
            "trueup_adapters.demo.bot",
            *("--store", self.url, "--account", ACCOUNT),
            *("--broker", self.ports.url, "--control", self.ports.control_url),
            *options,
        )

    @property
    def trader(self) -> Child:
        """The trading process, which is running."""
        assert self.bot is not None
        return self.bot

    def trade(self, order: Trade) -> Traded:
        """Have the trading process trade; a naive bot beside it learns of what it learns of."""
        traded = self.trader.tell(order, Traded)
        self.names[order.symbol] = traded.name
        if traded.recorded:
            self.keeper.filled(traded.name, self.truth()[traded.name])
        return traded

    def look(self) -> Looked:
        """How things stand in the trading process."""
        return self.trader.tell(Look(), Looked)

    def truth(self) -> Positions:
        """What the broker really holds."""
        return positions_in(self.control.state()["positions"])

    def lose_gateway(self) -> int:
        """`kill -9` the gateway; its exit status. The terminal behind it keeps what it holds."""
        self.control.close()
        return self.gateway.kill()

    def restore_gateway(self) -> None:
        """Another gateway, at the same place, with the same terminal behind it."""
        self.gateway, self.ports = self.children.gateway(self.terminal, self.ports)
        self.control = Control(self.ports.control_url)

    def close(self) -> None:
        """Let go of what is no process."""
        self.control.close()
