"""Which bugs are planted on purpose, to prove that the checkers bite?

Each is a small change of the core's behaviour, switched on from outside for one test. `laws` are those of which at
least one must be reported as broken, within `runs_max` histories; 0 is no law but something raised that nobody may see.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from trueup import asking, edge, evidence, gate, ledger, model, passes, policy, report, shell
from trueup.decisions import FillAdopted
from trueup.errors import JournalError
from trueup.facts import FillRecorded
from trueup.journal import lock, mapper, store
from trueup.ports import Answer
from trueup.reconciliation import (
    absence,
    decide,
    fills,
    fold,
    gatekeeping,
    guarding,
    lifecycle,
    order_lifecycle,
    orphans,
    outbox,
    outcomes,
    remedies,
    saved,
    settling,
    state,
)

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Plant:
    """One bug."""

    name: str
    laws: frozenset[int]
    plant: Callable[[Patch], None]
    runs_max: int = 60


PLANTS: list[Plant] = []


def planted(*laws: int, runs_max: int = 60) -> Callable[[Callable[[Patch], None]], Callable[[Patch], None]]:
    """Enter a bug in the catalogue."""

    def enter(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PLANTS.append(Plant(plant.__name__, frozenset(laws), plant, runs_max))
        return plant

    return enter


def after(patch: Patch, owner: Any, name: str, change: Callable[..., Any]) -> None:
    """What a function returns, changed: `change(result, *arguments)`."""
    genuine = getattr(owner, name)
    patch.setattr(owner, name, lambda *given, **named: change(genuine(*given, **named), *given))


def always(patch: Patch, owner: Any, name: str, value: Any) -> None:
    """A function that gives the same, whatever it is asked."""
    patch.setattr(owner, name, lambda *given, **named: value)


# -- evidence ----------------------------------------------------------------------------------------------


def _misread(patch: Patch, of: str, made: Callable[[Answer], Answer]) -> None:
    """Answers of one completeness are taken for something else."""
    genuine = ledger.Ledger.observe

    def observe(self: Any, surface: Any, answer: Answer, *given: Any, **named: Any) -> Any:
        if surface == "positions" and answer.completeness == of:
            answer = made(answer)
        return genuine(self, surface, answer, *given, **named)

    patch.setattr(ledger.Ledger, "observe", observe)


@planted(4)
def a_time_out_is_an_empty_answer(patch: Patch) -> None:
    _misread(patch, "failed", lambda answer: Answer(completeness="complete", positions={}))


@planted(4)
def a_failure_with_a_list_is_believed(patch: Patch) -> None:
    _misread(patch, "failed", lambda answer: replace(answer, completeness="complete", why=""))


@planted(4)
def half_an_answer_is_taken_for_all_of_it(patch: Patch) -> None:
    _misread(patch, "partial", lambda answer: replace(answer, completeness="complete", why="", refused=()))


@planted(4)
def one_confirmation_is_enough(patch: Patch) -> None:
    always(patch, lifecycle._KeyJudgement, "_needed", 1)


@planted(4)
def two_answers_need_no_time_between_them(patch: Patch) -> None:
    always(patch, state.State, "spacing_ns", 0)


@planted(3, 4, 9)
def the_settle_window_is_ignored(patch: Patch) -> None:
    always(patch, lifecycle, "unsettled", None)


@planted(3, 4, runs_max=120)
def orders_in_flight_are_ignored(patch: Patch) -> None:
    always(patch, settling, "_flying", False)


@planted(2, 4, 9, runs_max=120)
def the_wall_clock_measures_intervals(patch: Patch) -> None:
    for module in (evidence, settling, lifecycle, fills):
        patch.setattr(module, "elapsed_ns", lambda earlier, later: later.at_ns - earlier.at_ns)


@planted(4)
def a_question_is_dated_when_it_was_answered(patch: Patch) -> None:
    genuine = ledger.Ledger.observe

    def observe(self: Any, surface: Any, answer: Answer, asked: Any, **named: Any) -> Any:
        return genuine(self, surface, answer, self.asking(), **named)

    patch.setattr(ledger.Ledger, "observe", observe)


@planted(4, runs_max=120)
def nothing_is_too_much_to_vanish_at_once(patch: Patch) -> None:
    always(patch, absence.Count, "is_mass", False)


@planted(4, runs_max=300)
def a_small_book_may_vanish_whole(patch: Patch) -> None:
    always(patch, absence.Count, "is_total", False)


@planted(4)
def the_baseline_is_taken_again(patch: Patch) -> None:
    genuine = decide._baseline

    def baseline(deciding: Any) -> None:
        if deciding.state.view().completes == 1:
            deciding.state = replace(deciding.state, baseline="open")
        genuine(deciding)

    patch.setattr(decide, "_baseline", baseline)


# -- values ------------------------------------------------------------------------------------------------


@planted(2)
def only_the_brokers_keys_are_compared(patch: Patch) -> None:
    after(patch, lifecycle, "judge", lambda found, reading, key: found if key in reading.rows else None)


@planted(2, 3, 4)
def hedge_legs_are_netted(patch: Patch) -> None:
    def netted(result: Any, *given: Any) -> Any:
        rows, refused = result
        legs: dict[str, Any] = {}
        for key in sorted(rows):
            symbol = rows[key].symbol
            first = legs.get(symbol)
            total = rows[key].signed_quantity + (first[1].signed_quantity if first else 0)
            legs[symbol] = (first[0] if first else key, replace((first or (0, rows[key]))[1], signed_quantity=total))
        return {key: row for key, row in legs.values() if row.signed_quantity}, refused

    after(patch, edge, "canonical_rows", netted)


@planted(3)
def what_was_inferred_is_added_to_by_the_real_fill(patch: Patch) -> None:
    patch.setattr(fills, "_consume", lambda inferred, execution, *given: (execution.signed_quantity, (), inferred))


@planted(2, 3, 5)
def a_repeated_fill_counts_again(patch: Patch) -> None:
    count = itertools.count()
    after(patch, edge, "execution_of", lambda made, *given: replace(made, execution_id=f"{next(count)}"))


@planted(3)
def fills_of_orders_that_have_ended_are_dropped(patch: Patch) -> None:
    genuine = fold._HANDLERS[FillRecorded]

    def fill_recorded(draft: Any, position: int, fact: Any) -> None:
        name = fact.execution.client_order_id
        if name is None or draft.ended_orders.get(name) is None:
            genuine(draft, position, fact)

    patch.setitem(fold._HANDLERS, FillRecorded, fill_recorded)


@planted(2, 3, 4)
def an_adopted_short_becomes_a_long(patch: Patch) -> None:
    for module in (remedies, outcomes):
        after(patch, module, "adopted", lambda made, row: replace(made, signed_quantity=abs(made.signed_quantity)))


@planted(2, 3)
def a_recorded_sale_is_a_purchase(patch: Patch) -> None:
    after(patch, edge, "execution_of", lambda made, *given: replace(made, signed_quantity=abs(made.signed_quantity)))


@planted(2, 3)
def closing_one_ticket_flattens_its_symbol(patch: Patch) -> None:
    genuine = fold._HANDLERS[FillRecorded]

    def fill_recorded(draft: Any, position: int, fact: Any) -> None:
        held = dict(draft.book.finish().items())
        draft.book = draft.book.finish().mutate()
        genuine(draft, position, fact)
        closed = [slot for key, slot in held.items() if draft.book.get(key) is None]
        for key, slot in held.items():
            if any(one.holding.symbol == slot.holding.symbol for one in closed) and draft.book.get(key) is not None:
                draft.put_slot(key, replace(slot, holding=None, position=position, changed=draft.at))

    patch.setitem(fold._HANDLERS, FillRecorded, fill_recorded)


@planted(2)
def a_wrong_close_is_never_undone(patch: Patch) -> None:
    def judged(found: Any, reading: Any, key: Any) -> Any:
        return None if reading.closed.get(key) is not None and key not in reading.book else found

    after(patch, lifecycle, "judge", judged)


@planted(2)
def a_moved_stop_is_no_drift(patch: Patch) -> None:
    from trueup import compare

    always(patch, compare, "_same_stop", True)


@planted(2)
def small_differences_are_let_pass(patch: Patch) -> None:
    always(patch, policy.Policy, "quantity_tolerance_of", Decimal("0.02"))


@planted(2, 3, 4)
def another_spelling_is_another_symbol(patch: Patch) -> None:
    patch.setattr(policy.Policy, "canonical", lambda self, symbol: symbol)


@planted(13)
def an_unknown_price_becomes_0(patch: Patch) -> None:
    for module in (remedies, outcomes):
        after(patch, module, "adopted", lambda made, row: replace(made, price=made.price or Decimal(0)))


@planted(13)
def an_owner_is_made_up(patch: Patch) -> None:
    for module in (remedies, outcomes):
        after(patch, module, "adopted", lambda made, row: replace(made, strategy="house"))


# -- replay ------------------------------------------------------------------------------------------------


@planted(1)
def ids_come_from_the_clock(patch: Patch) -> None:
    patch.setattr(remedies, "correction_id", lambda *given: f"{time.perf_counter_ns():x}")


@planted(1)
def decisions_are_dated_by_the_clock(patch: Patch) -> None:
    genuine = lifecycle.Reading.__init__

    def begin(self: Any, *given: Any, **named: Any) -> None:
        genuine(self, *given, **named)
        self.at_ns = time.time_ns()

    patch.setattr(lifecycle.Reading, "__init__", begin)


@planted(1)
def a_snapshot_forgets_what_was_inferred(patch: Patch) -> None:
    def forgetful(made: Any, *given: Any) -> Any:
        book = made.book
        for key, slot in made.book.items():
            book = book.set(key, replace(slot, inferred=()))
        return replace(made, book=book)

    genuine = saved.load
    for module in (saved, __import__("trueup.storage", fromlist=["load"])):
        patch.setattr(module, "load", lambda data: forgetful(genuine(data)))
    from trueup.simulation import check_journal

    patch.setattr(check_journal, "load", saved.load)


# -- the journal -------------------------------------------------------------------------------------------


@planted(7)
def a_failed_append_is_acknowledged(patch: Patch) -> None:
    genuine = ledger.Ledger._commit

    def commit(self: Any, facts: Any) -> Any:
        try:
            return genuine(self, facts)
        except JournalError:
            return ledger.Committed(self.state.position + 1, self.state.position, ())

    patch.setattr(ledger.Ledger, "_commit", commit)


@planted(7)
def every_tenth_fill_is_lost(patch: Patch) -> None:
    genuine, count = ledger.Ledger.record, itertools.count(1)

    def record(self: Any, changes: Any) -> Any:
        if next(count) % 10 == 0:
            return ledger.Committed(self.state.position + 1, self.state.position, ())
        return genuine(self, changes)

    patch.setattr(ledger.Ledger, "record", record)


@planted(7)
def missed_fills_are_not_told_of(patch: Patch) -> None:
    def silent(found: Any, journal: Any, *given: Any) -> Any:
        return (one for one in found if one.kind != "missed-fill")

    after(patch, shell, "changes_after", silent)


@planted(8)
def digests_do_not_chain(patch: Patch) -> None:
    genuine = mapper.link
    patch.setattr(mapper, "link", lambda previous, *given: genuine(bytes(32), *given))


@planted(0)
def the_lock_keeps_nobody_out(patch: Patch) -> None:
    always(patch, lock.MemoryAccountLock, "acquire", None)


@planted(9)
def a_fenced_writer_appends_behind_its_rival(patch: Patch) -> None:
    genuine = store.JournalWriter._fenced

    def fenced(self: Any, before: Any) -> Any:
        error = genuine(self, before)
        self._fence, self._head = None, self._journal.stored_head(self.account)
        return JournalError(str(error))

    patch.setattr(store.JournalWriter, "_fenced", fenced)


@planted(4, 8)
def what_is_gone_is_left_out_of_the_difference(patch: Patch) -> None:
    after(patch, edge, "change", lambda made, *given: edge.Change(made.stated, []))


# -- the gate ----------------------------------------------------------------------------------------------


@planted(9)
def the_gate_never_grows_old(patch: Patch) -> None:
    always(patch, policy.Policy, "verified_age_ns_max", 10**18)


@planted(9)
def the_gate_is_open_from_the_start(patch: Patch) -> None:
    always(patch, gate.Gate, "_shut", None)


@planted(9)
def the_gate_does_not_mind_the_journal(patch: Patch) -> None:
    genuine = gate.Gate.publish
    patch.setattr(gate.Gate, "publish", lambda self, view: genuine(self, replace(view, failure=None)))


@planted(9)
def the_gate_does_not_mind_breaks(patch: Patch) -> None:
    always(patch, gatekeeping, "_limited", {})


@planted(9)
def the_gate_does_not_mind_rows_that_nobody_could_read(patch: Patch) -> None:
    genuine = gatekeeping.gate_of

    def gate_of(found: Any, **named: Any) -> Any:
        views = found.views
        for surface, view in found.views.items():
            views = views.set(surface, replace(view, refused=(), complete=True))
        return genuine(replace(found, views=views), **named)

    patch.setattr(gatekeeping, "gate_of", gate_of)
    for module in (decide, __import__("trueup.reconciliation.deciding", fromlist=["gate_of"])):
        if hasattr(module, "gate_of"):
            patch.setattr(module, "gate_of", gate_of)


@planted(9)
def a_closed_gate_refuses_cancels(patch: Patch) -> None:
    genuine = gate.Gate.check

    def check(self: Any, intent: Any) -> Any:
        refused = genuine(self, replace(intent, kind="order"))
        return refused if intent.kind == "cancel" and self.status == "closed" else genuine(self, intent)

    patch.setattr(gate.Gate, "check", check)


# -- orders, actions, protection ---------------------------------------------------------------------------


@planted(6)
def actions_are_sent_before_they_are_stored(patch: Patch) -> None:
    genuine = ledger.Ledger.sending

    def sending(self: Any, client_id: str) -> Any:
        return ledger.Committed(self.state.position + 1, self.state.position, ())

    assert genuine is not None
    patch.setattr(ledger.Ledger, "sending", sending)


@planted(6, runs_max=400)
def a_send_without_an_answer_is_taken_for_failed(patch: Patch) -> None:
    after(patch, asking, "send_once", lambda made, *given: _failed(made))  # whoever asks again at once has two of them
    patch.setattr(passes, "send_once", asking.send_once)


async def _failed(made: Any) -> Any:
    outcome = await made
    return replace(outcome, state="rejected", why="no answer") if outcome.state == "unknown" else outcome


@planted(6, runs_max=300)
def what_a_closed_connection_had_queued_is_forgotten(patch: Patch) -> None:
    always(patch, outbox, "behind", True)
    always(patch, outbox, "independent", True)


@planted(10, runs_max=200)
def an_orphan_is_cancelled_whatever_it_protects(patch: Patch) -> None:
    always(patch, orphans, "guarded", None)


@planted(10)
def no_stop_is_ever_placed(patch: Patch) -> None:
    always(patch, guarding, "_unguarded", None)


@planted(10, runs_max=200)
def a_list_of_orders_older_than_the_stop_is_believed(patch: Patch) -> None:
    always(patch, guarding, "_is_new_witness", True)


@planted(2, runs_max=200)
def orders_that_nobody_lists_are_never_looked_up(patch: Patch) -> None:
    patch.setattr(passes, "to_look_up", lambda *given: [])


@planted(2, runs_max=200)
def what_was_filled_is_not_taken_from_the_brokers_list(patch: Patch) -> None:
    patch.setattr(order_lifecycle, "merged", lambda order, row: order)


# -- limits and reports ------------------------------------------------------------------------------------


@planted(12)
def attempts_have_no_end(patch: Patch) -> None:
    genuine = asking.Attempts.answer

    async def answer(self: Any, question: Any, rules: Any, attempts_max: Any, timeout_s: Any) -> Any:
        return await genuine(self, question, rules, rules.retries_max + 4, timeout_s)

    patch.setattr(asking.Attempts, "answer", answer)


@planted(12, runs_max=120)
def every_look_alerts_again(patch: Patch) -> None:
    always(patch, lifecycle, "materially_worse", True)


@planted(2)
def success_is_said_whatever_differs(patch: Patch) -> None:
    after(patch, passes, "report", lambda made, *given: replace(made, status="SUCCESS"))


CORE = (FillAdopted, model, report)
"""Named here so that what is patched and what is only looked at stand in one list of imports."""
