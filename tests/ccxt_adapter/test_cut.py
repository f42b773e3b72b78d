"""When a cell of the exchange's own row is cut or spoilt, does the row say the same, less, or nothing that counts?

ccxt's cells stay as they were: the row is the witness against them, and a witness who is silent makes nothing up.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccxt_adapter.test_spoilt import KINDS, Read, Spoilt, info
from trueup.model import BrokerOrder, BrokerPosition, Execution

NEVER_OTHER: Final = {"symbol", "signed_quantity", "quantity", "side", "execution_id", "order_id", "unit"}
"""Cells that are as they were, whatever happens to the raw row; others may fall silent or be told in ccxt's words."""


def cut(name: str, how: Any) -> Any:
    """Whatever makes of a row one whose own cell is gone, or is `how`."""

    def spoil(row: dict[str, Any]) -> None:
        if how == "gone":
            row["info"].pop(name)
        else:
            row["info"][name] = how

    return spoil


@pytest.mark.parametrize("kind", [BrokerPosition, BrokerOrder, Execution])
@settings(deadline=None, max_examples=50)
@given(data=st.data(), how=st.sampled_from(("gone", None, "x", "", "NaN", [], {})))
def test_law_13_a_witness_that_falls_silent_makes_nothing_up(kind: type[Read], data: st.DataObject, how: Any) -> None:
    (text, before), at = data.draw(st.tuples(st.sampled_from(KINDS[kind]), st.integers(0, 30)))
    whole = Spoilt(text, before, at, lambda row: None)
    names = sorted(info(whole))
    if not names:
        return  # the row is a list, or none was recorded
    spoilt = Spoilt(text, before, at, cut(data.draw(st.sampled_from(names)), how))
    spoilt.nothing_else_changed()
    assert not spoilt.after.set_aside, "what was cut is no absence (L03)"
    if spoilt.now is not None:
        was, now = msgspec.structs.asdict(spoilt.was), msgspec.structs.asdict(spoilt.now)
        assert [name for name in NEVER_OTHER & was.keys() if was[name] != now[name]] == []
        for name in ("price", "filled", "average_price", "limit", "fee"):
            assert now.get(name) in (None, was.get(name))
