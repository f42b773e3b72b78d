"""Which bugs in replay, journal, gate, orders and limits are planted, to prove that the checkers bite?"""

from __future__ import annotations

import itertools
import operator
import time
from typing import Any

from msgspec.structs import replace

from simulation.planting import Patch, after, always, planted
from trueup import asking, edge, gate, ledger, passes, policy, shell
from trueup.errors import JournalError
from trueup.journal import lock, mapper, store
from trueup.policy import Policy, Protect
from trueup.reconciliation import (
    decide,
    fills,
    gatekeeping,
    guarding,
    inputs,
    lifecycle,
    order_lifecycle,
    orphans,
    outbox,
    outcomes,
    remedies,
    saved,
)
from trueup.simulation import Happening, Scenario, Settings

# -- replay -----------------------------------------------------------------------------------------------------


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


@planted(1)
def sums_are_rounded_as_the_thread_is_set(patch: Patch) -> None:
    for module in (fills, lifecycle, inputs, outcomes):
        for name, sum_of in (("add", operator.add), ("subtract", operator.sub)):
            if hasattr(module, name):
                patch.setattr(module, name, sum_of)


# -- the journal ------------------------------------------------------------------------------------------------


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


# -- the gate ---------------------------------------------------------------------------------------------------


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


# -- orders, actions, protection --------------------------------------------------------------------------------


def _calm(scenario: Scenario, *more: Happening) -> tuple[Happening, ...]:
    """Our own trading, and nothing that goes wrong but what is added."""
    own = [one for one in scenario.happenings if one.name in ("trade", "rest", "probe")]
    return tuple(sorted([*own, *more], key=lambda one: one.at_ms))


def _late_stops(scenario: Scenario) -> Scenario:
    """Every position wants a stop, and two of five are executed late, from the queue of a connection that is gone."""
    rules = Policy.adopt(
        sync_interval_s=2, broker_timeout_s=2, action_queue_s_max=20, protect=Protect(), mass_absence_count_min=1_000
    )
    settings = Settings(policy=rules, honest=True, lists_orders=True, action_faults=(4,), held=(1, -2, 3), minutes=2)
    return Scenario(seed=scenario.seed, settings=settings, happenings=_calm(scenario))


def _stops_of_others(scenario: Scenario) -> Scenario:
    """Somebody else places stops for positions that have been there for a while, and orphans are cancelled."""
    rules = Policy.adopt(sync_interval_s=5, on_orphan_order="cancel")
    settings = Settings(policy=rules, lists_orders=True, held=(1, -2, 3), minutes=3)
    stops = [Happening(at_ms, "foreign", (0, 1, 1, at_ms)) for at_ms in (70_000, 90_001, 110_002)]
    return Scenario(seed=scenario.seed, settings=settings, happenings=_calm(scenario, *stops))


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


@planted(6, focus=_late_stops)
def what_a_closed_connection_had_queued_is_forgotten(patch: Patch) -> None:
    always(patch, outbox, "behind", True)
    always(patch, outbox, "independent", True)


@planted(10, focus=_stops_of_others)
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


# -- limits and reports -----------------------------------------------------------------------------------------


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
