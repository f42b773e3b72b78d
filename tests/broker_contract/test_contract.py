"""Does each of our brokers keep the contract that the library ships?"""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from broker_contract.harnesses import mt5, simulated
from trueup.model import PositionMode
from trueup.testing.acting_contract import ActingBrokerContract, ActingHarness
from trueup.testing.broker_contract import BrokerContract
from trueup.testing.orders_contract import OrdersContract
from trueup_adapters.gateway.replies import Dialect


class TestSimulatedHedging(ActingBrokerContract):
    mode: PositionMode = "hedging"

    def harness(self) -> AbstractContextManager[ActingHarness]:
        return simulated(self.mode)


class TestSimulatedNetting(TestSimulatedHedging):
    mode = "netting"


class TestMt5Dialect1WithEcho(ActingBrokerContract):
    mode: PositionMode = "hedging"
    dialect: Dialect = 1
    echo = True

    def harness(self) -> AbstractContextManager[ActingHarness]:
        return mt5(mode=self.mode, dialect=self.dialect, echo=self.echo)


class TestMt5Dialect1WithoutEcho(TestMt5Dialect1WithEcho):
    echo = False


class TestMt5Dialect2WithEcho(TestMt5Dialect1WithEcho):
    dialect = 2


class TestMt5Dialect2WithoutEcho(TestMt5Dialect1WithEcho):
    dialect = 2
    echo = False


class TestMt5NettingWithEcho(TestMt5Dialect1WithEcho):
    mode = "netting"


class TestMt5NettingWithoutEcho(TestMt5Dialect1WithEcho):
    mode = "netting"
    dialect = 2
    echo = False


@pytest.mark.parametrize("contract", [BrokerContract, OrdersContract, ActingBrokerContract])
def test_the_contract_asks_for_a_harness(contract: type[BrokerContract]) -> None:
    with pytest.raises(NotImplementedError, match="subclass"):
        contract().harness()
