"""A fake Alpaca that runs, and Alpaca's own client to it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from trueup.testing.alpaca import FakeAlpaca

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # alpaca-py imports a deprecated part of websockets
    from alpaca.trading.client import TradingClient


@pytest.fixture
def fake() -> Iterator[FakeAlpaca]:
    with FakeAlpaca() as running:
        yield running


@pytest.fixture
def client(fake: FakeAlpaca) -> Iterator[TradingClient]:
    """Alpaca's own client."""
    made = TradingClient(fake.key_id, fake.secret, url_override=fake.url)
    yield made
    made._session.close()
