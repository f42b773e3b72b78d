"""Which history does a seed stand for?

Everything is drawn here, once, before anything happens: which regime, which policy, which faults, and when. Each seed
draws its own subset of the faults (a history in which everything goes wrong all the time tries less than one in which
a few things do), and some histories are honest: they keep to what law 3 supposes, so that law 3 can be held against
them in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.policy import Policy, Protect
from trueup.simulation.desk import ACTION_FAULTS
from trueup.simulation.dice import Dice
from trueup.simulation.happenings import LASTING
from trueup.simulation.ordering import FATES
from trueup.simulation.scenario import INSTRUMENTS, SYMBOLS, Faults, Happening, Scenario, Settings

HONEST_PERCENT: Final = 40
MINUTES: Final = (2, 3, 4, 6)
HONEST_LASTING: Final = (
    "silence", "raises", "failure", "failure_with_list", "garbage", "rate_limit", "maintenance", "cut_off",
    "page_cut", "refused_row", "unreadable_row", "contradiction", "slow_answer", "late_message",
    "duplicate_message", "pushed_first", "slow_order",
    "unknown_status", "action_silence", "action_lost_ack", "action_refused", "action_raises", "action_late",
)  # fmt: skip
"""Lasting faults that law 3 puts up with: they lose nothing, and show nothing that never was."""
HONEST_ONCE: Final = (
    "kill",
    "power_cut",
    "disk",
    "disk_full",
    "wall_jump",
    "rival",
    "thief",
    "reconnect",
    "rename",
    "broker_clock",
    "relayed",
)
ROUGH_ONCE: Final = (
    *HONEST_ONCE, "manual", "second_system", "liquidation", "split", "base_fee", "stop_moved", "price_moved",
    "invented", "restart", "operator", "foreign", "foreign", "amended", "amended",
)  # fmt: skip
_HARDNESS: Final = {"none": (0, 0), "light": (2, 25), "heavy": (10, 60)}
"""Faults a minute, and how many in a hundred of their kinds a seed draws from."""


def draw(seed: int, faults: Faults = "all", minutes: int | None = None) -> Scenario:
    """The history of a seed.

    faults    how hard it is; `all` leaves that to the seed, too
    minutes   how long the faulty part lasts in virtual time; None leaves it to the seed
    """
    dice = Dice(seed, "drawing")
    hardness = dice.one_of(("none", "light", "heavy", "heavy")) if faults == "all" else faults
    honest = dice.percent(HONEST_PERCENT)
    settings = _settings(dice, honest, minutes or dice.one_of(MINUTES))
    if settings.lists_orders and hardness != "none":
        faults_of_actions = tuple(dice.some_of(range(len(ACTION_FAULTS)), 40))
        settings = msgspec.structs.replace(settings, action_faults=faults_of_actions)
    happenings = [*_trading(dice, settings), *_trouble(dice, settings, *_HARDNESS[hardness])]
    happenings += [*_looking(dice, settings)]
    happenings.sort(key=lambda one: one.at_ms)
    return Scenario(seed=seed, settings=settings, happenings=tuple(happenings))


# -- settings ----------------------------------------------------------------------------------------------


def _settings(dice: Dice, honest: bool, minutes: int) -> Settings:
    lag_ms = dice.one_of((0, 500, 2_000, 2_000, 5_000))
    policy = _policy(dice, honest, lag_ms)
    others = () if honest else tuple(_policy(dice, False, lag_ms) for _ in range(2))
    return Settings(
        mode=dice.one_of(("netting", "hedging")),
        policy=policy,
        policies=others,
        honest=honest,
        bot="positions" if dice.percent(15) else "fills",
        named_by=dice.one_of(("ticket", "order")),
        lists_orders=dice.percent(60),
        names_clients=dice.percent(50),
        bold=dice.percent(50),
        priced=not dice.percent(15),
        stamped=dice.percent(70),
        baseline=dice.percent(60),
        durability="normal" if not honest and dice.percent(40) else "full",
        held=tuple(dice.one_of((-3, -1, 1, 2, 5)) for _ in range(dice.below(5))),
        lag_ms=lag_ms,
        latency_ms_max=dice.one_of((20, 200, 900)),
        message_ms_max=dice.one_of((50, 1_000, 10_000, 40_000)),
        poll_ms=dice.one_of((200, 2_000, 2_000, 5_000)),
        minutes=minutes,
    )


def _policy(dice: Dice, honest: bool, lag_ms: int) -> Policy:
    """A policy; in an honest history one that corrects, holds nothing back and never gives up."""
    knobs: dict[str, object] = {
        "sync_interval_s": dice.one_of((2, 5, 15)),
        "confirm_interval_ms": dice.one_of((0, 500, 3_000)),
        "broker_timeout_s": dice.one_of((2, 10)),
        "retries_max": dice.one_of((0, 1, 3)),
        "in_flight_s_max": dice.one_of((5, 30)),
        "startup_timeout_s": dice.one_of((10, 30)),
        "instruments": INSTRUMENTS,
        "action_queue_s_max": dice.one_of((0, 5, 20)),
        "look_ups_max": dice.one_of((1, 20)),
    }
    if dice.percent(30):
        knobs["settle_ms"] = lag_ms * 3
    if dice.percent(30):
        knobs["protect"] = Protect(retries_max=dice.one_of((1, 3)))
    if honest:
        knobs |= {
            "mass_absence_count_min": 1_000,
            "confirmations_total": 2,
            "total_absence_s": 0,
            "correction_attempts_max": 1_000_000,
            "inferred_s_max": 1_000_000,
        }
        return Policy.adopt(**knobs)
    if dice.percent(30):
        knobs |= {"mass_absence_count_min": 2, "confirmations_total": 3, "total_absence_s": 5}
    if dice.percent(30):
        knobs["confirmations"] = 3
    if dice.percent(70):
        knobs["on_orphan_order"] = dice.one_of(("cancel", "adopt", "quarantine"))
    preset = Policy.observe if dice.percent(8) else Policy.guarded if dice.percent(10) else Policy.adopt
    return preset(**knobs)


# -- happenings --------------------------------------------------------------------------------------------


def _trading(dice: Dice, settings: Settings) -> list[Happening]:
    """What our own process does."""
    found: list[Happening] = []
    for _ in range(dice.between(1, 3 * settings.minutes + 2)):
        at_ms = dice.below(settings.minutes * 60_000)
        parts, how = dice.one_of((1, 1, 2, 3)), dice.below(3)
        if dice.percent(60):
            lots = dice.one_of((1, 2, 3, 10, -1, -2, -3, -10))
            found.append(Happening(at_ms, "trade", (dice.below(len(SYMBOLS)), lots, parts, how)))
        else:
            found.append(Happening(at_ms, "close", (dice.below(6), dice.one_of((50, 100, 100)), parts, how)))
    if settings.lists_orders:
        for _ in range(dice.between(0, settings.minutes + 2)):
            lots, fate = dice.one_of((1, 2, 5, -1, -2)), dice.below(len(FATES))
            rests_ms = dice.one_of((500, 5_000, 20_000, 60_000))
            numbers = (dice.below(len(SYMBOLS)), lots, fate, rests_ms)
            found.append(Happening(dice.below(settings.minutes * 60_000), "rest", numbers))
    return found


def _looking(dice: Dice, settings: Settings) -> list[Happening]:
    """Whoever asks the gate, and what else may be asked at any time."""
    found: list[Happening] = []
    for _ in range(4 * settings.minutes + 2):
        at_ms = dice.below(settings.minutes * 60_000)
        found.append(Happening(at_ms, "probe", (dice.below(len(SYMBOLS)), dice.one_of((1, -1)))))
    for name in ("snapshot", "dry_run", "ask_now"):
        if dice.percent(40):
            found += [Happening(dice.below(settings.minutes * 60_000), name) for _ in range(dice.between(1, 3))]
    return found


def _trouble(dice: Dice, settings: Settings, a_minute: int, percent: int) -> list[Happening]:
    """What goes wrong: a few kinds of fault for each seed, at any time."""
    lasting = dice.some_of(HONEST_LASTING if settings.honest else LASTING, percent)
    once = dice.some_of(HONEST_ONCE if settings.honest else ROUGH_ONCE, percent)
    found: list[Happening] = []
    if not lasting and not once:
        return found
    for _ in range(dice.between(0, a_minute * settings.minutes)):
        at_ms = dice.below(settings.minutes * 60_000)
        if lasting and (not once or dice.percent(55)):
            place = LASTING.index(dice.one_of(lasting))
            found.append(Happening(at_ms, "fault", (place, dice.one_of((500, 3_000, 10_000, 30_000)))))
        else:
            found.append(_once(dice, dice.one_of(once), at_ms, settings))
    return found


def _once(dice: Dice, name: str, at_ms: int, settings: Settings) -> Happening:
    """One fault that happens at a moment."""
    lots = dice.one_of((1, 2, -1, -3, 7))
    numbers: dict[str, Sequence[int]] = {
        "manual": (dice.below(8), dice.below(len(SYMBOLS)), lots),
        "second_system": (dice.below(len(SYMBOLS)), lots, dice.below(2)),
        "liquidation": (dice.below(6), dice.below(2)),
        "split": (dice.below(6), dice.one_of((2, 4, 10))),
        "base_fee": (dice.below(6),),
        "stop_moved": (dice.below(6), dice.one_of((0, 90, 95, 110))),
        "price_moved": (dice.below(6), dice.one_of((90, 101, 120))),
        "invented": (dice.below(len(SYMBOLS)), lots),
        "power_cut": (dice.between(1, 6),),
        "restart": (dice.below(3),),
        "disk": (dice.below(4), dice.one_of((1, 1, 2, 5))),
        "disk_full": (dice.one_of((500, 5_000, 40_000)),),
        "wall_jump": (dice.one_of((-3_600_000, -1_500, 1_500, 3_600_000, 86_400_000)),),
        "broker_clock": (dice.one_of((-7_200_000, -1_500, 180_000, 10_800_000)), dice.below(2)),
        "foreign": (dice.below(len(SYMBOLS)), lots, dice.below(2), dice.below(6)),
        "amended": (dice.below(6), dice.one_of((0, 90, 110))),
        "relayed": (dice.one_of((50, 1_000, 20_000)), dice.between(1, 2)),
        "operator": (dice.below(2),),
    }
    return Happening(at_ms, name, tuple(numbers.get(name, ())))
