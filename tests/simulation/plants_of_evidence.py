"""Which bugs in evidence and values are planted, to prove that the checkers bite?"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from simulation.planting import Patch, after, always, planted
from trueup import edge, evidence, ledger, policy
from trueup.facts import FillRecorded
from trueup.ports import Answer
from trueup.reconciliation import (
    absence,
    decide,
    fills,
    fold,
    inputs,
    lifecycle,
    outcomes,
    remedies,
    settling,
    state,
)

# -- evidence ---------------------------------------------------------------------------------------------------


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


# -- values -----------------------------------------------------------------------------------------------------


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


@planted(2, 3)
def a_fill_that_the_broker_dates_an_hour_back_is_dropped(patch: Patch) -> None:
    genuine = inputs.older_than
    patch.setattr(inputs, "older_than", lambda execution, at, days: genuine(execution, _a_month_on(at), days))


def _a_month_on(at: Any) -> Any:
    """The moment, as if all but an hour of the window of executions had passed."""
    return replace(at, at_ns=at.at_ns + (30 * 24 - 1) * 3_600_000_000_000)


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
