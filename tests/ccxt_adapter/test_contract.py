"""Does `CcxtBroker` keep the contract that the library ships, with ccxt's own class over real HTTP?"""

from __future__ import annotations

from contextlib import AbstractContextManager

from ccxt_adapter.harness import bybit
from trueup.testing.acting_contract import ActingBrokerContract, ActingHarness


class TestBybitOneWay(ActingBrokerContract):
    def harness(self) -> AbstractContextManager[ActingHarness]:
        return bybit()
