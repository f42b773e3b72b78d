"""Does half a character, which JSON can say and nothing can store, end anything?"""

from __future__ import annotations

import pytest

from trueup import Command, InputError, Policy, PushedState, Reconciler
from trueup.ports import Answer, Capabilities, Outcome, Question, failed, unsupported

HALF = "refused: \ud800!"


class Muttering:
    """A broker whose own words hold half a character."""

    capabilities = Capabilities(
        source="x", position_mode="netting", surfaces=frozenset({"positions"}), lag_ms_max={"positions": 0}
    )
    connections = 1

    async def ask(self, question: Question) -> Answer:
        return failed(HALF)

    async def close(self) -> None:
        """Nothing to let go of."""


def test_law_4_a_brokers_words_never_end_a_pass() -> None:
    policy = Policy.adopt(retries_max=0)
    with Reconciler.open("memory://half", account="mt5:1", broker=Muttering(), policy=policy) as rec:
        report = rec.sync_positions()
        assert (report.status, report.errors) == ("DEGRADED", ("positions: refused: ?!",))
        assert "refused: ?!" in rec.get_audit_trail()[-1].sentence


def test_every_word_of_the_outside_is_healed_and_whole_ones_stay() -> None:
    assert failed(HALF).why == unsupported(HALF).why == Outcome(state="unknown", why=HALF).why == "refused: ?!"
    assert Answer(completeness="partial", why="voilà, 値").why == "voilà, 値"


def test_our_own_words_are_refused_in_the_callers_line() -> None:
    for words in (
        lambda: Command(name="ack", who="ada", why=HALF),
        lambda: Command(name="ack", who="ada", why="", arguments={"what": HALF}),
    ):
        with pytest.raises(InputError, match="half a character"):
            words()


def test_a_pushed_message_is_healed() -> None:
    assert [PushedState(surface="positions", text=one).text for one in ("whole", "値", HALF)] == [
        "whole",
        "値",
        "refused: ?!",
    ]
