"""Does the Alpaca adapter keep the contract that the library ships?"""

from __future__ import annotations

from contextlib import AbstractContextManager

from alpaca_broker.harness import alpaca
from trueup.testing.acting_contract import ActingBrokerContract, ActingHarness


class TestAlpaca(ActingBrokerContract):
    def harness(self) -> AbstractContextManager[ActingHarness]:
        return alpaca()


class TestAlpacaThatChecksWhoseAccountItIs(ActingBrokerContract):
    def harness(self) -> AbstractContextManager[ActingHarness]:
        return alpaca(account="alpaca:PA3FAKE00001")
