"""What can a recording not tell of another policy? What it never asked, and whom it had told something else.

Undetermined is never called avoided. Each recording is made by hand, and what is expected worked out by hand.
"""

from __future__ import annotations

import re

from replay.recording import Recording, adopt, fill, held, pending
from trueup.policy import Instrument, Policy
from trueup.replay import Otherwise, redecide_under

PATIENT = adopt(confirmations=3)


def changes(found: Otherwise) -> list[tuple[str, str]]:
    """(change, kind) of every row."""
    return [(one.change, one.kind) for one in found.compared.rows]


def unknown(found: Otherwise) -> list[tuple[str, str, int]]:
    return [(one.kind, one.key, one.position) for one in found.compared.undetermined]


def under(recording: Recording, policy: Policy) -> Otherwise:
    return redecide_under(recording.journal, policy)


def test_where_the_answers_end_too_soon_nothing_is_avoided() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says()
    last = recording.says()
    found = under(recording, PATIENT)
    assert found.compared.rows == ()
    assert unknown(found) == [("ghost", "AUD", last)]
    (one,) = found.compared.undetermined
    assert one.why == "the recording ends before this policy could decide: 2 of 3 independent answers that decide"
    assert one.recorded is not None
    assert one.recorded.outcome == "corrected"


def test_what_neither_world_had_decided_is_no_difference() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says()
    assert under(recording, PATIENT).compared == under(recording, adopt()).compared
    assert unknown(under(recording, PATIENT)) == []


def test_an_absence_longer_than_was_observed_is_undetermined() -> None:
    """A small book is gone whole, and stays so for 6 s; the other policy wants it to last for a minute."""
    small = {"mass_absence_count_min": 3, "confirmations_total": 2}
    recording = Recording(adopt(**small | {"total_absence_s": 2}))
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    for _ in range(3):
        recording.says()
    found = under(recording, adopt(**small | {"total_absence_s": 60}))
    assert found.compared.rows == ()
    (one,) = found.compared.undetermined
    assert "which have to span 60 s" in one.why


def test_a_hold_that_nobody_was_asked_to_acknowledge_is_undetermined() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2), fill("e2", "BTC", 1))
    recording.says(AUD=2, BTC=1)
    recording.says()
    recording.says()
    found = under(recording, adopt(mass_absence_count_min=2))
    assert found.compared.rows == ()
    assert [one[:2] for one in unknown(found)] == [("ghost", "AUD"), ("ghost", "BTC")]
    assert all("until explained or acknowledged" in one.why for one in found.compared.undetermined)
    assert found.replayed.decisions["mass-absence-moved/1"] == 1


def startup(recording: Recording, *, again: bool) -> None:
    """A start-up pass over a glitch: asked as long as the recorded policy wanted, or once more; then it is over."""
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says(2_000, "startup", BTC=1)
    recording.says(2_000, "startup", more=True, BTC=1)
    if again:
        recording.says(1_002, "startup", more=True, BTC=1, AUD=2)
    recording.says(15_000, BTC=1, AUD=2)
    recording.says(15_000, BTC=1, AUD=2)


def test_a_question_that_only_the_other_policy_would_have_put_leaves_it_open() -> None:
    """Under the recorded policy two answers had settled the start-up pass. The patient one would have asked for a third
    within a second, and what that would have said nobody knows: 15 s later the glitch was over."""
    recording = Recording()
    startup(recording, again=False)
    found = under(recording, PATIENT)
    assert [one[:2] for one in unknown(found)] == [("ghost", "AUD")]
    (one,) = found.compared.undetermined
    assert "this policy would have asked again within 1001 ms" in one.why
    assert re.search(r" 1001 ms; the recording asked 1\d{4} ms later$", one.why), one.why
    assert found.unasked == 1
    assert ("avoided", "ghost") not in changes(found)
    asked = Recording()
    startup(asked, again=True)
    sure = under(asked, PATIENT)
    assert changes(sure) == [("avoided", "ghost"), ("avoided", "recovery")]
    assert sure.compared.undetermined == ()


def test_without_time_left_in_the_start_up_pass_no_question_is_missed() -> None:
    recording = Recording()
    startup(recording, again=False)
    hasty = adopt(confirmations=3, startup_timeout_s=2)
    found = under(recording, hasty)
    assert changes(found) == [("avoided", "ghost"), ("avoided", "recovery")]
    assert found.unasked == 0


def test_a_policy_that_asks_more_often_might_have_seen_it_in_between() -> None:
    slow = adopt(sync_interval_s=60)
    recording = Recording(slow)
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says(60_000, BTC=1)
    recording.says(60_000, BTC=1)
    recording.says(60_000, BTC=1, AUD=2)
    recording.says(60_000, BTC=1, AUD=2)
    found = under(recording, adopt(sync_interval_s=5, confirmations=3))
    assert [one[:2] for one in unknown(found)] == [("ghost", "AUD")]
    late = [one for one in found.compared.rows if one.change == "later"]
    assert late == []
    assert found.unasked == 4
    as_often = under(recording, adopt(sync_interval_s=60, confirmations=3))
    assert as_often.compared.undetermined == ()


def test_later_is_no_later_than_where_a_sooner_question_is_missing() -> None:
    recording = Recording(adopt(sync_interval_s=60))
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    for _ in range(3):
        recording.says(60_000, BTC=1)
    (one,) = under(recording, adopt(sync_interval_s=5, confirmations=3)).compared.rows
    assert (one.change, one.kind, one.certain, one.by_ms) == ("later", "ghost", False, 60_001)
    assert "would have asked again" in one.why


def test_a_process_that_was_told_otherwise_is_no_witness() -> None:
    """It sets the position as the corrected book had it; under the other policy it would have believed otherwise."""
    recording = Recording()
    recording.record(held("AUD", 1))
    recording.says(AUD=1)
    recording.says(AUD=2)
    recording.says(AUD=2)
    echo = recording.record(held("AUD", 2))
    recording.says(AUD=2)
    found = under(recording, PATIENT_DRIFT)
    (one,) = found.compared.undetermined
    assert (one.kind, one.key) == ("drift", "AUD")
    assert one.why == f"input {echo} came from a process whose book held something else under this key"


PATIENT_DRIFT = adopt(lag_ms_max={"positions": 100_000})
"""So patient that no second answer here is independent."""


def test_a_fill_of_an_order_that_was_sent_under_another_belief_is_no_witness() -> None:
    recording = Recording()
    recording.says()
    recording.says(AUD=3)
    recording.says(AUD=3)
    recording.record(pending("c1", "AUD", 3))
    echo = recording.record(fill("e1", "AUD", 3, client_order_id="c1"))
    recording.says(AUD=6)
    recording.says(AUD=3)
    recording.says(AUD=3)
    found = under(recording, PATIENT_DRIFT)
    assert [one.why for one in found.compared.undetermined if one.kind == "recovery"] == [
        f"input {echo} came from a process whose book held something else under this key"
    ]


def test_once_the_books_are_alike_again_the_process_is_a_witness_again() -> None:
    recording = Recording()
    recording.record(held("AUD", 1))
    recording.says(AUD=1)
    for _ in range(5):
        recording.says(AUD=2)  # the recorded policy corrects at the second of them, the slower one at the last
    recording.says(AUD=5)
    recording.record(held("AUD", 5))
    recording.says(AUD=5)
    found = under(recording, adopt(lag_ms_max={"positions": 6_000}))
    assert changes(found) == [("later", "drift")]
    assert found.compared.undetermined == ()


def test_knobs_that_act_before_anything_is_recorded_are_named() -> None:
    recording = Recording()
    recording.says(AUD=2)
    found = under(recording, adopt(instruments={"AUD": Instrument(unit="lots")}, retries_max=1))
    assert set(found.unseen) == {"instruments", "retries_max"}
    assert under(recording, adopt()).unseen == {}
