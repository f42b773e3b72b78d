"""Which bugs in read models are planted, to prove that law 11 is really held against them?"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from simulation.planting import Patch, after, always, planted
from trueup.simulation import Happening, Scenario
from trueup_projections import account, views, writing


@planted(11)
def what_a_life_of_the_keeper_had_counted_is_forgotten(patch: Patch) -> None:
    after(patch, account.AccountTables, "resumed", _forgetful)


def _forgetful(made: Any, *given: Any) -> Any:
    made._counts = type(made._counts)()
    return made


@planted(11)
def what_lies_on_an_earlier_page_is_not_fetched(patch: Patch) -> None:
    always(patch, writing.Rows, "load", None)


@planted(11)
def the_first_event_of_a_page_is_left_out(patch: Patch) -> None:
    genuine = views.Views._write

    def write(self: Any, events: Any, end: int) -> Any:
        return genuine(self, events[1:] if len(events) > 1 else events, end)

    patch.setattr(views.Views, "_write", write)


def _power_cuts(scenario: Scenario) -> Scenario:
    """A machine that stops again and again, under a journal that is not synced with every transaction."""
    settings = replace(scenario.settings, honest=False, durability="normal", minutes=3)
    own = [one for one in scenario.happenings if one.name in ("trade", "rest", "manual")]
    cuts = [Happening(at_ms, "power_cut", (6,)) for at_ms in (40_000, 80_000, 120_000)]
    return replace(scenario, settings=settings, happenings=tuple(sorted([*own, *cuts], key=lambda one: one.at_ms)))


@planted(11, focus=_power_cuts)
def the_tail_that_a_power_cut_took_stays_in_the_read_models(patch: Patch) -> None:
    always(patch, views.Views, "_stranger", "")
