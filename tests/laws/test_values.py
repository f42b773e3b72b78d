"""Laws 3 and 13: does no message that is late, twice, or out of order make the book wrong?"""

from __future__ import annotations

from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from laws.profiles import tried
from laws.steps import HONEST, Step, play
from laws.world import LAG_MS, World, quantities
from trueup.model import PositionMode

MODES: st.SearchStrategy[PositionMode] = st.sampled_from(["netting", "hedging"])
NAMED: st.SearchStrategy[Literal["ticket", "order"]] = st.sampled_from(["ticket", "order"])


@tried(250)
@given(steps=HONEST, mode=MODES, named_by=NAMED, baseline=st.booleans(), priced=st.booleans())
def test_law_3_no_false_correction(
    steps: list[Step], mode: PositionMode, named_by: Literal["ticket", "order"], baseline: bool, priced: bool
) -> None:
    world = play(World(mode, named_by=named_by, baseline=baseline, priced=priced), steps)
    _held_then(world)
    world.hear_all()
    assert world.meant() == world.owed(), "all messages have arrived"
    made = len(world.made)
    world.look(4)
    assert [one.correction for one in world.made[made:]] == []
    assert world.book() == world.owed()


def _held_then(world: World) -> None:
    """Every correction gave its key what the broker held between asked - lag and received (i)."""
    for made in world.made:
        after = made.correction.after
        states = world.held(made.asked_ms - LAG_MS, made.received_ms)
        key = world.true_key(made.key)
        values = [quantities(state).get(key) for state in states]
        assert (None if after is None else after.signed_quantity) in values, made
