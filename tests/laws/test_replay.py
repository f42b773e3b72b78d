"""Law 1, and what is kept of a state: do the same inputs give the same decisions, everywhere and always?"""

from __future__ import annotations

import decimal
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from laws.oracle import replay
from laws.profiles import tried
from laws.steps import ANY, Step, play, random_steps
from laws.test_values import MODES, NAMED
from laws.world import World, impatient
from trueup.reconciliation.fold import fold
from trueup.reconciliation.saved import load, save
from trueup.reconciliation.state import State
from trueup.storage import rehydrate

TESTS = Path(__file__).parents[1]
HOSTILE = decimal.Context(prec=3, rounding=decimal.ROUND_UP, Emax=9, Emin=-9, traps=[])
"""What another library in the same process may have set on its thread."""
LONG = Decimal("1000.001")
"""More digits than such a context keeps."""


@tried(120)
@given(steps=ANY, mode=MODES, named_by=NAMED, holds=st.booleans())
def test_law_1_decisions_are_a_function_of_the_inputs(steps: list[Step], mode, named_by, holds: bool) -> None:
    world = play(World(mode, impatient() if holds else None, named_by=named_by, scale=LONG), steps)
    again = replay(world.journal.account, world.journal.stored)
    assert again.differences == ()
    with decimal.localcontext(HOSTILE):
        hostile = replay(world.journal.account, world.journal.stored)
    assert hostile.digest == again.digest
    assert save(again.state) == save(rehydrated(world))


@tried(60)
@given(steps=ANY, mode=MODES, named_by=NAMED)
def test_law_1_live_decisions_do_not_depend_on_the_thread_s_decimal_context(steps: list[Step], mode, named_by) -> None:
    calm = play(World(mode, named_by=named_by, scale=LONG), steps)
    hostile = play(World(mode, named_by=named_by, scale=LONG, context=HOSTILE), steps)
    assert hostile.journal.stored == calm.journal.stored


def test_law_1_neither_hash_seed_nor_zone_nor_locale_changes_a_decision(tmp_path: Path) -> None:
    lines, expected = [], []
    for seed in range(24):
        mode = "netting" if seed % 2 else "hedging"
        world = play(World(mode, impatient() if seed % 3 else None, named_by="order"), random_steps(seed, 120))
        stored = world.journal.stored
        expected.append(replay(world.journal.account, stored).digest)
        lines.append(" ".join(f"{name}:{state.hex()}" for name, state in stored))
    (tmp_path / "journals").write_text("\n".join(lines))
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); from laws.replaying import main; main(sys.argv[1])"
    zones = (("0", "UTC", "C"), ("1", "America/St_Johns", "C.UTF-8"), ("4242", "Asia/Kathmandu", "POSIX"))
    for seed, zone, locale in zones:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "journals")],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == expected, (seed, zone, locale)


# -- what is kept of a state -------------------------------------------------------------------------------


@tried(120)
@given(steps=ANY, mode=MODES, named_by=NAMED, place=st.integers(0, 10_000))
def test_law_8_a_state_that_was_kept_at_any_position_goes_on_like_the_fold(
    steps: list[Step], mode, named_by, place: int
) -> None:
    world = play(World(mode, impatient(), named_by=named_by), steps)
    events = [(one.position, one.event) for one in world.journal.read()]
    cut = place % (len(events) + 1)
    whole = fold(State(account=world.journal.account), events)
    kept = save(fold(State(account=world.journal.account), events[:cut]))
    assert save(load(kept)) == kept
    assert save(fold(load(kept), events[cut:])) == save(whole)
    assert save(rehydrate(world.journal.account, world.journal)) == save(whole)  # by the world's own snapshots


def rehydrated(world: World) -> State:
    """The world's journal, folded from nothing."""
    world.journal.snapshots.clear()
    return rehydrate(world.journal.account, world.journal)
