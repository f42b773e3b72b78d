"""As whom, and under what rules, does a process take an account?

A claim begins an epoch. It is journalled when the account is opened, and again when the lock was lost with its
connection: a tenure that was interrupted is over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version

import msgspec

from trueup.errors import InputError
from trueup.facts import ActionKind, Fact, PolicyAdopted, WriterClaimed
from trueup.model import Moment, PositionMode, Surface
from trueup.policy import Policy
from trueup.reconciliation.state import DECIDER_VERSION, FOLD_VERSION, State


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """As whom, and under what rules, a process writes."""

    policy: Policy
    position_mode: PositionMode | None = None
    """None: as the journal has it, else netting."""
    source: str = ""
    lag_ms_max: Mapping[Surface, int] = {}
    baseline: bool = True
    delivers: bool = False
    surfaces: frozenset[Surface] = frozenset()
    actions: frozenset[ActionKind] = frozenset()
    can_reduce_only: bool = False
    restored: bool = False
    """The store is a restored backup: nothing opens before all orders and fills since are looked up."""
    keep_every_raw: bool = False
    """Keep every raw reply, not only those that decisions rest on."""
    process: str = ""
    """What the journal calls this process; '': by its number, `pid 4711`."""

    def __post_init__(self) -> None:
        self.policy.check()  # nothing is adopted that could not be read back


@cache
def _our_version() -> str:
    """Read once: its file is parsed each time, which takes a millisecond."""
    return version("trueup")


def claim_facts(state: State, claim: Claim, at: Moment) -> list[Fact]:
    """What a claim at `at` journals on top of `state`: the claim, and the policy where it differs.

    Raises InputError when the position mode contradicts what the journal holds.
    """
    mode = claim.position_mode or (state.mode if state.epoch else "netting")
    if state.epoch and mode != state.mode and (state.book or state.view().rows):
        raise InputError(
            f"{state.account}: its journal is {state.mode} and holds positions; it cannot be opened as "
            f"{mode}. Use another account or another store"
        )
    facts: list[Fact] = [
        WriterClaimed(
            at,
            position_mode=mode,
            trueup_version=_our_version(),
            decider_version=DECIDER_VERSION,
            fold_version=FOLD_VERSION,
            source=claim.source,
            process=claim.process or f"pid {os.getpid()}",
            lag_ms_max=tuple(sorted(claim.lag_ms_max.items())),
            baseline=claim.baseline,
            delivers=claim.delivers,
            surfaces=tuple(sorted(claim.surfaces)),
            actions=tuple(sorted(claim.actions)),
            can_reduce_only=claim.can_reduce_only,
            restored=claim.restored,
        )
    ]
    if claim.policy.digest[:8] != state.policy_mark:
        facts.append(PolicyAdopted(at, claim.policy.digest, claim.policy))
    return facts
