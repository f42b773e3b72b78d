"""What the broker pushes is journalled once."""

from __future__ import annotations

from trueup import Fill, PushedExecution, Reconciler


def pushed(quantity: str = "1") -> PushedExecution:
    return PushedExecution(
        fill=Fill(execution_id="e1", symbol="EURUSD", side="buy", quantity=quantity, price="1.05"), message_id="m1"
    )


def test_law_5_an_execution_pushed_again_adds_nothing_and_moves_nothing() -> None:
    with Reconciler.open("memory://pushed-twice", account="mt5:5001") as rec:
        first = rec.observe(pushed())
        assert [str(one.signed_quantity) for one in rec.book.positions] == ["1"]
        assert rec.observe(pushed()) == first, "the journal did not grow"
        assert [str(one.signed_quantity) for one in rec.book.positions] == ["1"]
        assert rec.observe(pushed("2")) > first, "another content under the same id is journalled"
        assert [str(one.signed_quantity) for one in rec.book.positions] == ["1"], "and moves nothing"
