"""What does an operator's command make us decide?

Each is journalled with who, why and when before anything else; who may give one is the policy's matter (`operators`),
and who *is* somebody the channel's that it came through. What cannot be done is journalled as refused, with a sentence
that says what there is (L56). An override never outlives its epoch. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from trueup.decisions import OverrideMoved, QuarantineMoved
from trueup.facts import CommandGiven
from trueup.model import elapsed_ns
from trueup.reconciliation import absence, at_broker, by_hand, foreign_decide
from trueup.reconciliation.deciding import Deciding
from trueup.reconciliation.state import State
from trueup.reconciliation.targets import listed, target

NS: Final = 1_000_000_000
ACCOUNT: Final = "account"
"""The scope of an override that is of every symbol."""
OVERRIDES_MAX: Final = 100
"""Overrides at one time (law 12)."""
MANAGE: Final = "manage_reconciliation"
"""The permission that every command needs."""
_CHANGE_EVIDENCE: Final = ("ack", "adopt", "close")
"""Commands that change what the gate goes by; the others lift what it holds, or not, without any."""


def command_given(deciding: Deciding, fact: CommandGiven) -> None:
    """Do what an operator says, or say why not."""
    policy = deciding.state.policy
    handler = _COMMANDS.get(fact.name)
    if not policy.allows(fact.who, MANAGE):
        may = listed([who for who in sorted(policy.operators) if policy.allows(who, MANAGE)])
        why: str | None = f"{fact.who} has no permission {MANAGE}; by the policy {may or 'nobody'} has"
    elif handler is None:
        why = f"there is no command {fact.name}; there is {', '.join(sorted(_COMMANDS))}"
    else:
        why = handler(deciding, fact, dict(fact.arguments))
    if why is not None:
        deciding.refuse(f"command {fact.name}", why)
    elif fact.name in _CHANGE_EVIDENCE:
        deciding.settle_gate(startup=False)


def end_overrides(deciding: Deciding) -> None:
    """Say so when an override is over. The gate has not let anything pass by it since: it judges the time itself."""
    state = deciding.state
    for one in state.overrides:
        if one.since.epoch != state.epoch:
            why = "the epoch that it was given in is over"
        elif elapsed_ns(one.since, state.at) >= one.lasts_ns:
            why = "its time is up"
        else:
            continue
        mark = state.policy_mark
        deciding.emit([
            OverrideMoved(deciding.cause, deciding.at_ns, mark, "ended", one.scope, one.who, why, one.until_ns)
        ])  # fmt: skip


# -- the commands: None when done, else why not ------------------------------------------------------------


def _ack(deciding: Deciding, fact: CommandGiven, given: Mapping[str, str]) -> str | None:
    if given.get("what") != "mass-absence":
        return "only a mass absence can be acknowledged: `ack mass-absence`"
    moved = absence.acknowledge(deciding.state, fact)
    if moved is not None:
        deciding.emit([moved])
    if not foreign_decide.acknowledged(deciding, fact) and moved is None:
        return "no mass absence is held: there is nothing to acknowledge"
    return None


def _release(deciding: Deciding, fact: CommandGiven, given: Mapping[str, str]) -> str | None:
    state, named = deciding.state, given.get("scope", "")
    symbol = state.policy.canonical(named)
    scopes = [named] if named in state.quarantine else [s for s in sorted(state.quarantine) if s.endswith(f":{symbol}")]
    if len(scopes) > 1:
        return f"{named} may mean {listed(scopes)}: name one of them"
    if not scopes:
        there = f"there is {listed(sorted(state.quarantine))}" if state.quarantine else "nothing is in quarantine"
        return f"there is no quarantine {named}; {there}{_limited(state, symbol)}"
    one = state.quarantine[scopes[0]]
    why = f"released by {fact.who}: {fact.why}"
    mark = state.policy_mark
    deciding.emit([
        QuarantineMoved(deciding.cause, deciding.at_ns, mark, one.scope, "released", why, one.break_id)
    ])  # fmt: skip
    return None


def _limited(state: State, symbol: str) -> str:
    """What else limits a symbol, and what would end that."""
    why = dict(state.gate.symbols).get(symbol)
    return (
        "" if why is None else f"; {symbol} is reduce-only for another reason ({why}): `adopt`, `close` or `override`"
    )


def _adopt(deciding: Deciding, fact: CommandGiven, given: Mapping[str, str]) -> str | None:
    found = target(deciding.state, given.get("target", ""))
    return found if isinstance(found, str) else by_hand.adopt(deciding, fact, found)


def _close(deciding: Deciding, fact: CommandGiven, given: Mapping[str, str]) -> str | None:
    name = given.get("target", "")
    if given.get("at_broker") == "yes":
        return at_broker.close_at_broker(deciding, fact, name)
    found = target(deciding.state, name)
    if isinstance(found, str):
        return found
    return by_hand.close(deciding, fact, found, unproven=given.get("unproven") == "yes")


def _override(deciding: Deciding, fact: CommandGiven, given: Mapping[str, str]) -> str | None:
    state, policy = deciding.state, deciding.state.policy
    end_overrides(deciding)
    state = deciding.state
    scope = policy.canonical(given.get("scope", ""))
    known = next((one for one in state.overrides if one.scope == scope), None)
    if given.get("end") == "yes":
        if known is None:
            there = listed([one.scope for one in state.overrides])
            return f"there is no override of {scope}; " + (f"there is {there}" if there else "none is in force")
        _move(deciding, "ended", scope, fact, known.until_ns)
        return None
    seconds = given.get("seconds", "")
    if not scope.isprintable() or not scope or not seconds.isascii() or not seconds.isdigit():
        return "an override needs a scope (`account` or a symbol) and for how many whole seconds"
    if not 1 <= int(seconds[:12]) <= policy.override_s_max:
        return f"it may last 1 to {policy.override_s_max} s (`override_s_max`), not {seconds[:12]} s"
    if not state.passes_tried:
        return "no pass has been tried in this epoch: nobody knows yet whether the gate would open by itself"
    if known is None and len(state.overrides) >= OVERRIDES_MAX:
        return f"{OVERRIDES_MAX} overrides are in force, and there may not be more"
    _move(deciding, "granted", scope, fact, deciding.at_ns + int(seconds) * NS)
    text = f"the gate is overridden for {scope}, for {seconds} s, by {fact.who}: {fact.why}"
    deciding.alert("critical", "override", text)
    return None


def _move(deciding: Deciding, to: Literal["granted", "ended"], scope: str, fact: CommandGiven, until_ns: int) -> None:
    mark = deciding.state.policy_mark
    deciding.emit([
        OverrideMoved(deciding.cause, deciding.at_ns, mark, to, scope, fact.who, fact.why, until_ns)
    ])  # fmt: skip


_COMMANDS: Final[dict[str, Callable[[Deciding, CommandGiven, Mapping[str, str]], str | None]]] = {
    "ack": _ack,
    "adopt": _adopt,
    "close": _close,
    "override": _override,
    "release": _release,
}
