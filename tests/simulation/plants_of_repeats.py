"""Which bugs with what comes twice, and with what is over, are planted, to prove that the checkers bite?"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from simulation.planting import Patch, after, always, planted
from trueup import ledger, shell
from trueup.facts import FillRecorded
from trueup.policy import Policy
from trueup.reconciliation import fold, order_decide, order_lifecycle
from trueup.simulation import Happening, Scenario, Settings
from trueup.simulation.happenings import LASTING
from trueup.simulation.ordering import FATES


def _with(scenario: Scenario, *more: Happening) -> Scenario:
    """The history, and something more that happens in it."""
    return replace(scenario, happenings=tuple(sorted([*scenario.happenings, *more], key=lambda one: one.at_ms)))


def _relays(scenario: Scenario) -> Scenario:
    """Somebody hands in answers of their own, each of them twice."""
    return _with(scenario, *(Happening(at_ms, "relayed", (1_000, 1)) for at_ms in range(20_000, 60_000, 5_000)))


def _doubles(scenario: Scenario) -> Scenario:
    """Every message comes twice."""
    return _with(scenario, Happening(1, "fault", (LASTING.index("duplicate_message"), 120_000)))


def _operators(scenario: Scenario) -> Scenario:
    """Somebody leaves commands in the inbox."""
    return _with(scenario, *(Happening(at_ms, "operator", (0,)) for at_ms in (30_000, 45_000, 60_000)))


def _amended(scenario: Scenario) -> Scenario:
    """Orders of ours that rest to the end, and whose limit somebody moves."""
    rules = Policy.adopt(sync_interval_s=5)
    settings = Settings(policy=rules, lists_orders=True, bold=True, minutes=2, lag_ms=0, latency_ms_max=20)
    rests = [Happening(at_ms, "rest", (at_ms % 4, 1, FATES.index("working"), 1_000)) for at_ms in (20_001, 25_002)]
    moved = [Happening(at_ms, "amended", (at_ms % 2, 90)) for at_ms in (60_000, 61_001)]
    return Scenario(seed=scenario.seed, settings=settings, happenings=(*rests, *moved))


@planted(5, focus=_relays)
def an_observation_that_is_handed_in_again_is_stored_again(patch: Patch) -> None:
    genuine = ledger.Ledger.observe

    def observe(self: Any, *given: Any, **named: Any) -> Any:
        self._state = replace(self._state, observation_ids=type(self._state.observation_ids)())
        return genuine(self, *given, **named)

    patch.setattr(ledger.Ledger, "observe", observe)


@planted(5, runs_max=120)
def what_was_pushed_is_written_down_each_time(patch: Patch) -> None:
    always(patch, ledger.Ledger, "_is_repeat", False)


@planted(5, focus=_operators)
def the_inbox_is_read_from_its_beginning_each_time(patch: Patch) -> None:
    genuine = ledger.Ledger.take_inbox

    def take_inbox(self: Any, items: Any) -> Any:
        self._state = replace(self._state, inbox_position=0)
        return genuine(self, items)

    patch.setattr(ledger.Ledger, "take_inbox", take_inbox)

    def read_inbox(self: Any) -> None:
        items = self._inbox.read(after=0)
        if items:
            self._told(self._ledger.take_inbox(items))

    patch.setattr(shell.Shell, "_read_inbox", read_inbox)


@planted(5, 7, focus=_operators)
def every_second_item_of_the_inbox_is_passed_over(patch: Patch) -> None:
    genuine = ledger.Ledger.take_inbox
    patch.setattr(ledger.Ledger, "take_inbox", lambda self, items: genuine(self, [one for one in items if one[0] % 2]))


@planted(2, runs_max=300)
def breaks_of_orders_that_have_ended_are_never_over(patch: Patch) -> None:
    for module in (order_lifecycle, order_decide):
        always(patch, module, "unlisted", [])


@planted(2, focus=_amended)
def a_limit_that_somebody_moved_is_no_drift(patch: Patch) -> None:
    after(patch, order_lifecycle, "stated", lambda found, *given: [one for one in found if not _of_limit(one)])
    patch.setattr(order_decide, "stated", order_lifecycle.stated)


def _of_limit(move: Any) -> bool:
    return any(step.field == "limit" for step in getattr(move, "steps", ()))


class _Blind:
    """A memory of executions that remembers none while it is asked."""

    def __init__(self, kept: Any) -> None:
        self.put = kept.put

    def get(self, name: str) -> None:
        return None


@planted(5, focus=_doubles)
def a_fill_that_is_recorded_again_moves_the_book_again(patch: Patch) -> None:
    genuine = fold._HANDLERS[FillRecorded]

    def fill_recorded(draft: Any, position: int, fact: Any) -> None:
        kept = draft.executions
        draft.executions = _Blind(kept)
        genuine(draft, position, fact)
        draft.executions = kept

    patch.setitem(fold._HANDLERS, FillRecorded, fill_recorded)
    always(patch, ledger.Ledger, "_is_repeat", False)
