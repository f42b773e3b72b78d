"""Which raw replies are kept: those that decisions rest on, or all of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trueup import Answer, Capabilities, Reconciler
from trueup.facts import Observed
from trueup.journal import open_reader
from trueup.model import BrokerPosition


class Ticking:
    """One position that never changes, in a reply whose bytes do: its profit moves."""

    capabilities = Capabilities(
        source="ticking", position_mode="hedging", surfaces=frozenset({"positions"}), lag_ms_max={"positions": 1}
    )
    connections = 1

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, question) -> Answer:
        self.asked += 1
        return Answer(
            completeness="complete",
            positions={"#1": BrokerPosition("EURUSD", Decimal(1), "1")},
            raw=f"profit {self.asked}".encode(),
        )

    async def close(self) -> None:
        self.asked = 0


@pytest.mark.parametrize(("every", "kept"), [(False, [True, False, False, False]), (True, [True] * 4)])
def test_replies_that_nothing_rests_on_are_kept_only_when_asked_for(every: bool, kept: list[bool], tmp_path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with Reconciler.open(url, account="mt5:1", broker=Ticking(), keep_every_raw=every) as rec:
        for _ in range(4):
            rec.sync_positions()
    with open_reader(url, "mt5:1") as reader:
        digests = [one.event.raw_digest for one in reader.read() if isinstance(one.event, Observed)]
        assert [reader.raw(digest) is not None for digest in digests] == kept
