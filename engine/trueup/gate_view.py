"""What does the gate go by, as far as the fold and the state of the journal say?

One immutable value, made anew after an append that may have changed it. Pure: ticks and the failure are arguments.
"""

from __future__ import annotations

from trueup.gate import GateView, OverrideView
from trueup.reconciliation.state import State


def gate_view(
    state: State, *, epoch: int, epoch_tick_ns: int, failure: str | None, failed_tick_ns: int | None
) -> GateView:
    """The view that `state` supports.

    epoch           ours: what an earlier tenure verified, or was overridden in it, counts for nothing
    epoch_tick_ns   monotonic reading of its claim
    failure         why the journal cannot be written
    failed_tick_ns  when it last could not be, if no later question has verified the book; what happened meanwhile may
                    be missing in it
    """
    view = state.view()
    asked_ns = epoch_tick_ns + view.answered.tick_ns if view.answers and view.answered.epoch == epoch else None
    if failure is None and failed_tick_ns is not None and (asked_ns is None or asked_ns < failed_tick_ns):
        failure = "the journal could not be written for a while, and no pass has verified the book since"
    policy = state.policy
    return GateView(
        status=state.gate.status,
        why=state.gate.why,
        symbols=dict(state.gate.symbols),
        quarantined={scope: one.why for scope, one in state.quarantine.items()},
        since_ns=state.gate_since.at_ns,
        verified_tick_ns=asked_ns,
        age_ns_max=policy.verified_age_ns_max(),
        failure=failure,
        closed_hours=policy.is_closed_hours if policy.sessions else None,
        canonical=policy.canonical if policy.instruments else None,
        warns=policy.unverified == "warn" and not state.restored,
        overrides={
            one.scope: OverrideView(epoch_tick_ns + one.since.tick_ns + one.lasts_ns, one.who, one.why, one.since.at_ns)
            for one in state.overrides
            if one.since.epoch == epoch
        },
        since={scope: one.since.at_ns for scope, one in state.quarantine.items()},
        by_hand={scope for scope, one in state.quarantine.items() if one.break_id is None},
    )
