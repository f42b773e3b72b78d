"""Orders and actions under another policy: what is corrected otherwise, what is set aside, what was never sent?"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from cli.conftest import shell as shell_fixture
from cli.shell import Shell
from replay.journals import stored
from replay.recording import Recording, adopt, working
from trueup.changes import OrderUpdate
from trueup.policy import Policy
from trueup.replay import Otherwise, redecide, redecide_under

shell = shell_fixture

ADOPTS = adopt(on_orphan_order="adopt")
CANCELS = adopt(on_orphan_order="cancel")
LEAVES = adopt(on_orphan_order="quarantine")


def stranger(policy: Policy) -> Recording:
    """The broker lists an order that nobody recorded, three times; and what the policy asks for is sent."""
    recording = Recording(policy)
    recording.says()
    for _ in range(3):
        recording.orders(working("o1", "AUD", 2))
        recording.sends()
    return recording


def changes(found: Otherwise) -> list[tuple[str, str, str]]:
    return [(one.change, one.of, one.kind) for one in found.compared.rows]


def test_an_orphan_that_the_other_policy_leaves_to_a_human() -> None:
    recording = stranger(ADOPTS)
    assert redecide(recording.journal).identical
    found = redecide_under(recording.journal, LEAVES)
    assert changes(found) == [("avoided", "order", "recovery")]
    assert found.compared.rows[0].why.startswith("left to a human: policy adopt: on_orphan_order = quarantine")
    assert changes(redecide_under(stranger(LEAVES).journal, ADOPTS)) == [("added", "order", "recovery")]


def test_outcomes_of_actions_that_it_did_not_request_are_set_aside_and_counted() -> None:
    recording = stranger(CANCELS)
    names = [name for name, _ in recording.journal.stored]
    outcomes = names.count("action-sent/1") + names.count("action-answered/1")
    assert outcomes >= 2
    same = redecide_under(recording.journal, CANCELS)
    assert (same.set_aside, same.unsent) == (0, ())
    found = redecide_under(recording.journal, LEAVES)
    assert (found.set_aside, found.unsent) == (outcomes, ())
    assert "action-requested/1" in found.recorded.decisions
    assert "action-requested/1" not in found.replayed.decisions


def test_what_it_would_have_asked_of_the_broker_was_never_sent(tmp_path: Path, shell: Shell) -> None:
    recording = stranger(LEAVES)
    found = redecide_under(recording.journal, CANCELS)
    (one,) = found.unsent
    assert (one.terms.kind, one.terms.symbol, one.terms.order_id) == ("cancel", "AUD", "o1")
    assert found.set_aside == 0
    url = stored(recording.journal, tmp_path / "s.db")
    file = tmp_path / "p.toml"
    file.write_text('on_orphan_order = "cancel"\nmass_absence_count_min = 100\n')
    ended = shell("replay", "--store", url, "--policy", file, "--json")
    assert ended.json["unsent"] == 1
    (action,) = [row for row in ended.json["undetermined"] if row["what"] == "action"]
    assert (action["kind"], action["symbol"], action["order_id"]) == ("cancel", "AUD", "o1")
    assert "the recording never did" in action["why"]
    said = shell("replay", "--store", url, "--policy", file)
    assert "0 outcomes of actions it did not request were set aside; 1 that it did were never sent" in said.err


def test_an_order_that_the_process_saw_corrected_is_no_witness() -> None:
    """The broker lists ours with another limit; corrected, the process records it as it was told. Under a policy that
    is slower, that word would have been another."""
    recording = Recording(adopt())
    recording.says()
    ours = {"client_order_id": "c1", "symbol": "AUD", "side": "buy", "type": "limit", "quantity": "2", "order_id": "o1"}
    recording.record(OrderUpdate(**ours, status="accepted", limit="1.1"))  # type: ignore[arg-type]
    listed = working("o1", "AUD", 2, client_order_id="c1", limit=Decimal("1.2"))
    for _ in range(3):
        recording.orders(listed, after_ms=40_000)
    echo = recording.record(OrderUpdate(**ours, status="accepted", limit="1.2"))  # type: ignore[arg-type]
    recording.orders(listed, after_ms=40_000)
    slow = adopt(lag_ms_max={"open_orders": 500_000})
    found = redecide_under(recording.journal, slow)
    assert [one.why for one in found.compared.undetermined] == [
        f"input {echo} came from a process whose book held something else under this key"
    ]
    assert changes(found) == []
