"""What would another policy have changed: avoided, added, made earlier or later; and what can nobody tell?

Each recording is made by hand, and what is expected of it worked out by hand.
"""

from __future__ import annotations

from decimal import Decimal

from laws.stores import ListJournal
from replay.journals import events, listed
from replay.recording import Recording, adopt, fill, held, pending, row
from trueup.decisions import AlertRaised
from trueup.facts import Fact
from trueup.model import Execution, Stop
from trueup.policy import Policy
from trueup.replay import Otherwise, Turn, redecide_under
from trueup.replay.elsewhere import Elsewhere

PATIENT = adopt(confirmations=3)


def changes(found: Otherwise) -> list[tuple[str, str, str, int, int | None]]:
    """(change, kind, key, position, by how much) of every row."""
    return [(one.change, one.kind, one.key, one.position, one.by_ms) for one in found.compared.rows]


def unknown(found: Otherwise) -> list[tuple[str, str, int]]:
    return [(one.kind, one.key, one.position) for one in found.compared.undetermined]


def under(recording: Recording, policy: Policy) -> Otherwise:
    return redecide_under(recording.journal, policy)


def glitch(recording: Recording, answers: int) -> None:
    """A position is recorded and seen; then so many answers leave it out, and later ones list it again."""
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    for _ in range(answers):
        recording.says(BTC=1)
    for _ in range(3):
        recording.says(AUD=2, BTC=1)


# -- avoided -----------------------------------------------------------------------------------------------


def test_l02_patience_avoids_a_wrong_close_and_its_undoing() -> None:
    recording = Recording()
    glitch(recording, 2)
    found = under(recording, PATIENT)
    closed, restored = found.compared.rows
    assert [(one.change, one.kind, one.key) for one in found.compared.rows] == [
        ("avoided", "ghost", "AUD"),
        ("avoided", "recovery", "AUD"),
    ]
    assert closed.recorded is not None
    assert closed.replayed is not None
    assert (closed.recorded.outcome, closed.replayed.outcome) == ("corrected", "cleared")
    assert "over by input" in closed.why
    assert restored.replayed is None
    assert restored.why == "this policy finds no such difference there, or corrects it together with another"
    assert found.compared.undetermined == ()
    assert (found.recorded.wrong, found.replayed.wrong) == (1, 0)
    assert found.recorded.ending.agrees
    assert found.replayed.ending.agrees
    assert found.compared.same == 1  # the recovery of BTC
    assert found.unasked == 0


def test_a_human_decides_under_a_policy_that_leaves_it_to_one() -> None:
    recording = Recording()
    recording.says(AUD=2)
    recording.says(AUD=2)
    found = under(recording, Policy.guarded())
    (one,) = found.compared.rows
    assert (one.change, one.kind, one.key) == ("avoided", "recovery", "AUD")
    assert one.why.startswith("left to a human: policy guarded")
    assert found.replayed.escalated == 1
    assert found.replayed.standing == 1
    assert found.recorded.ending.agrees
    assert found.replayed.ending.agrees is False
    (apart,) = found.replayed.ending.differences
    assert (apart.key, apart.kind, apart.broker) == ("AUD", "recovery", "long 2")
    assert found.replayed.decisions["quarantine-moved/1"] == 1
    assert "quarantine-moved/1" not in found.recorded.decisions


def test_what_was_left_to_a_human_and_is_over_later_was_decided_too() -> None:
    recording = Recording()
    recording.says(AUD=2)
    recording.says(AUD=2)
    recording.says()
    recording.says()
    found = under(recording, Policy.guarded())
    assert [one.change for one in found.compared.rows] == ["avoided", "avoided"]
    assert found.compared.rows[0].why.startswith("left to a human: neither side has it")
    assert found.compared.undetermined == ()


def test_what_another_tolerance_does_not_even_see() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 10))
    recording.says(AUD=11)
    recording.says(AUD=11)
    found = under(recording, adopt(quantity_tolerance={"AUD": Decimal(1)}))
    (one,) = found.compared.rows
    assert (one.change, one.kind, one.field, one.replayed) == ("avoided", "drift", "quantity", None)
    assert found.replayed.ending.differing == 1, "the ends are compared exactly, whatever the policy tolerates"


def test_l14_a_fill_that_comes_before_a_patient_policy_corrects() -> None:
    """It comes from the broker, whoever passes it on: that is no echo of the correction."""
    recording = Recording()
    recording.says()
    recording.says(AUD=1)
    recording.says(AUD=1)
    recording.record(fill("late", "AUD", 1, client_order_id="c1"))
    recording.says(AUD=1)
    slow = Policy.adopt(lag_ms_max={"positions": 60_000}, mass_absence_count_min=100)
    found = under(recording, slow)
    assert [(one.change, one.kind) for one in found.compared.rows] == [("avoided", "recovery")]
    assert found.compared.undetermined == ()
    assert found.replayed.ending.agrees in (True, None) or found.replayed.ending.unverified


# -- later, earlier, added ---------------------------------------------------------------------------------


def test_one_answer_more_is_just_that_much_later() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    for _ in range(4):
        recording.says(2_000)
    found = under(recording, PATIENT)
    (one,) = found.compared.rows
    assert (one.change, one.kind, one.by_ms, one.certain) == ("later", "ghost", 2_001, True)
    assert one.recorded is not None
    assert one.replayed is not None
    assert one.position == one.recorded.position < one.replayed.position
    back = under_again(recording, PATIENT, adopt())
    (one,) = back.compared.rows
    assert (one.change, one.kind, one.by_ms) == ("earlier", "ghost", 2_001)
    assert back.compared.undetermined == ()


def under_again(recording: Recording, first: Policy, second: Policy) -> Otherwise:
    """The same history recorded under the first policy, and replayed under the second."""
    anew = Recording(first)
    anew.record(fill("e1", "AUD", 2))
    anew.says(AUD=2)
    for _ in range(4):
        anew.says(2_000)
    return redecide_under(anew.journal, second)


def test_what_a_policy_adds_where_only_alerts_were_recorded() -> None:
    recording = Recording(Policy.observe(mass_absence_count_min=100))
    recording.says(AUD=2)
    recording.says(AUD=2)
    recording.says(AUD=2)
    found = under(recording, adopt())
    (one,) = found.compared.rows
    assert (one.change, one.kind, one.key) == ("added", "recovery", "AUD")
    assert one.recorded is not None
    assert (one.recorded.outcome, one.by_ms) == ("escalated", None)
    assert (found.recorded.corrections, found.replayed.corrections) == (0, 1)
    assert found.recorded.ending.agrees is False
    assert found.replayed.ending.agrees


def test_what_the_recording_had_not_decided_yet_is_added() -> None:
    recording = Recording(PATIENT)
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says()
    recording.says()
    found = under(recording, adopt())
    (one,) = found.compared.rows
    assert (one.change, one.why) == ("added", "the recording had not decided it")


def test_two_corrections_in_one_that_the_other_policy_never_makes() -> None:
    """The recorded book is set right twice; for the other world it is one break all along, left to a human."""
    recording = Recording()
    recording.record(held("AUD", 1))
    for lots in (2, 2, 3, 3):
        recording.says(AUD=lots)
    found = under(recording, Policy.guarded())
    assert [(one.change, one.field) for one in found.compared.rows] == [("avoided", "quantity")] * 2
    assert found.replayed.corrections == 0


# -- the rest ----------------------------------------------------------------------------------------------


def test_a_policy_that_was_adopted_later_does_not_reach_the_other_world() -> None:
    recording = Recording(Policy.observe(mass_absence_count_min=100))
    recording.says(AUD=2)
    recording.says(AUD=2)
    recording.restart(adopt())
    recording.says(AUD=2, BTC=1)
    recording.says(AUD=2, BTC=1)
    found = under(recording, Policy.observe(mass_absence_count_min=100))
    assert found.replayed.corrections == 0
    assert {one.change for one in found.compared.rows} == {"avoided"}
    assert [one.key for one in found.compared.rows] == ["AUD", "BTC"]


def test_a_correction_that_the_broker_contradicts_in_the_end_was_wrong() -> None:
    """Two answers drop a position, and the last one, seen once, lists it again as the book had had it."""
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says(BTC=1)
    recording.says(BTC=1)
    recording.says(AUD=2, BTC=1)
    found = under(recording, PATIENT)
    assert (found.recorded.wrong, found.replayed.wrong) == (1, 0)
    assert found.recorded.standing == 1
    assert found.replayed.ending.agrees
    assert [row[:2] for row in changes(found)] == [("avoided", "ghost")]


def test_a_correction_that_the_process_traded_away_from_was_not_wrong() -> None:
    """The broker had 3 and so had the book; then one was sold, and that both have 2 again says nothing against it."""
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=2)
    recording.says(AUD=3)
    recording.says(AUD=3)
    recording.record(fill("e2", "AUD", -1))
    recording.says(AUD=2)
    assert under(recording, adopt()).recorded.wrong == 0


def test_each_of_several_corrections_is_held_against_the_end() -> None:
    """One was traded away from, and is not wrong; the next one, behind it, is."""
    recording = Recording()
    recording.record(fill("e1", "AAA", 2), fill("e2", "AUD", 2))
    recording.says(AAA=2, AUD=2)
    recording.says(AAA=3, AUD=2)
    recording.says(AAA=3, AUD=2)
    recording.record(fill("e3", "AAA", -1))
    recording.says(AAA=2)
    recording.says(AAA=2)
    recording.says(AAA=2, AUD=2)
    recorded = under(recording, PATIENT).recorded
    assert (recorded.corrections, recorded.wrong) == (2, 1)


def test_what_the_book_changed_after_the_last_answer_is_not_held_against_it() -> None:
    recording = Recording()
    recording.says(AUD=2)
    recording.says(AUD=2)
    recording.record(fill("e9", "AUD", 1))
    ending = under(recording, adopt()).recorded.ending
    assert (ending.agrees, ending.unverified, ending.differing) == (True, 1, 0)


def test_a_broker_that_never_answered_completely_is_no_yardstick() -> None:
    recording = Recording()
    recording.record(fill("e1", "AUD", 2))
    recording.says(completeness="partial", AUD=2)
    ending = under(recording, adopt()).recorded.ending
    assert (ending.agrees, ending.positions, ending.unverified) == (None, 1, 1)


def test_a_field_that_is_corrected_beside_others_is_a_row_of_its_own() -> None:
    recording = Recording(mode="hedging")
    recording.answers({})
    recording.answers({"#7": row("AUD", 1, "7", price=Decimal("1.1"), stop=Stop(Decimal("1.0")))})
    recording.answers({"#7": row("AUD", 1, "7", price=Decimal("1.1"), stop=Stop(Decimal("1.0")))})
    for _ in range(2):
        recording.answers({"#7": row("AUD", 2, "7", price=Decimal("1.2"), stop=Stop(None))})
    found = under(recording, Policy.observe())
    assert [(one.kind, one.field, one.ticket) for one in found.compared.rows] == [
        ("recovery", None, "7"), ("drift", "price", "7"), ("drift", "quantity", "7"), ("drift", "stop", "7"),
    ]  # fmt: skip


def test_a_missed_fill_is_missed_under_every_policy_that_corrects() -> None:
    recording = Recording()
    recording.deals()
    recording.deals(_execution("x1"))
    found = under(recording, adopt(sync_interval_s=60))
    assert (found.compared.same, found.compared.rows) == (1, ())
    found = under(recording, Policy.observe())
    assert [one.change for one in found.compared.rows] == ["avoided"], "where a person decides, none enters by itself"


def _execution(name: str) -> Execution:
    return Execution(name, "AUD", Decimal(1), Decimal(1))


def test_where_more_is_decided_than_there_was_room_for_positions_stay_apart() -> None:
    """The recorded policy says nothing at all to what makes the other one correct many keys at once."""
    lots = {f"S{n:02}": n + 1 for n in range(20)}
    tolerant = adopt(dust={"*": Decimal(100)})
    recording = Recording(tolerant)
    for _ in range(4):
        recording.says(**lots)
    recording.record(pending("c1", "S03", 1), fill("e1", "S03", 1, client_order_id="c1"), pending("c2", "S03", 1))
    lots["S03"] += 1
    for _ in range(3):
        recording.says(5_000, **lots)
    found = under(recording, adopt())
    assert {one.change for one in found.compared.rows} == {"added"}
    assert len(found.compared.rows) == 20
    assert found.replayed.ending.agrees
    world = Elsewhere(recording.journal.account, adopt())
    seen: list[int] = []
    for turn in _turns(recording.journal):
        before = world.other.state.position
        world.take(turn)
        seen.append(world.other.state.position)
        assert world.other.state.position > before
    assert seen == sorted(set(seen))


def test_l14_an_order_sent_before_the_question_stays_so_where_positions_run_ahead() -> None:
    """The other world is 40 events ahead where the order is recorded; what it infers later is that order's fill."""
    lots = {f"S{n:02}": n + 1 for n in range(20)}
    recording = Recording(adopt(dust={"*": Decimal(100)}))
    for _ in range(2):
        recording.says(**lots)
    recording.record(pending("c1", "S03", 1))
    lots["S03"] += 1
    for _ in range(3):
        recording.says(40_000, **lots)
    recording.record(fill("e1", "S03", 1, client_order_id="c1"))
    world = Elsewhere(recording.journal.account, adopt())
    for turn in _turns(recording.journal):
        world.take(turn)
    holding = world.other.state.held("S03")
    assert holding is not None
    assert holding.signed_quantity == lots["S03"]


def test_an_excerpt_s_other_world_looks_at_everything_anew() -> None:
    """The broker's answers have not changed since: what another tolerance makes of them must not wait until they do."""
    recording = Recording(adopt(quantity_tolerance={"*": Decimal(5)}))
    recording.record(fill("e1", "AUD", 2))
    recording.says(AUD=3)
    before, begins = recording.ledger.state, len(recording.journal.stored)
    recording.says(AUD=3)
    recording.says(AUD=3)
    world = Elsewhere(recording.journal.account, adopt(), before=before)
    for turn in _turns(recording.journal):
        if turn.position > begins:
            world.take(turn)
    assert [(one.kind, one.field) for one in world.other.lives.corrected()] == [("drift", "quantity")]
    assert world.recorded.lives.corrected() == []


def _turns(journal: ListJournal) -> list[Turn]:
    found: list[Turn] = []
    for position, event in enumerate(events(journal), start=1):
        if isinstance(event, Fact):
            found.append(Turn(position, event, ()))
        else:
            last = found[-1]
            found[-1] = Turn(last.position, last.fact, (*last.decisions, event))
    return found


def test_a_cut_in_the_middle_of_an_input_leaves_that_input_out() -> None:
    recording = Recording()
    recording.says(AUD=2)
    cut = recording.says(AUD=2)
    whole = under(recording, adopt())
    part = redecide_under(recording.journal, adopt(), upto=cut)
    assert part.events == cut - 1 < whole.events
    assert part.recorded.corrections == 0


def test_decisions_of_a_kind_that_nobody_knows_change_nothing_here() -> None:
    recording = Recording()
    recording.says(AUD=2)
    recording.says(AUD=2)
    told = events(recording.journal)
    more = [*told, AlertRaised(1, 1, b"", "info", "new", "of a later kind")]
    assert redecide_under(listed(more), adopt()).compared == under(recording, adopt()).compared
