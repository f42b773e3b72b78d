"""What made these two sides differ: which explanations fit, which one best, and which were looked at in vain?

`propose` is the whole engine in one pure function. An explanation is never invented (law 13): where nothing fits
exactly, the answer is `unexplained`, and where several fit equally well, each says so.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from trueup.causes.admission import admitted, admitted_orders, booked_since
from trueup.causes.booked import from_records
from trueup.causes.dealt import from_deals, signed_text
from trueup.causes.material import STRENGTHS, BreakFacts, Cause, Examined, Proposal
from trueup.causes.shapes import from_shapes

_SPECIFIC_FIRST: Final[tuple[Cause, ...]] = (
    "liquidation",
    "stop_hit",
    "take_profit_hit",
    "split",
    "symbol_alias",
    "contract_size",
    "base_asset_fee",
    "duplicate_fill",
    "partial_close",
    "missed_fill",
    "swap_or_funding",
    "manual_trade",
    "unexplained",
)
"""Among equally strong ones the more specific stands first; that changes the order, not the ambiguity."""


def propose(facts: BreakFacts) -> tuple[Proposal, ...]:
    """The causes that fit a break, the best first; never empty, the last resort is one that is `unexplained`.

    Each rests on evidence that it names: executions, orders, journal positions. Deals explain a difference only if
    their signed sum is exactly the difference and they lie within the bounds of `admission` (L55, L59). Two of equal
    strength at the top are both `ambiguous`. Pure: the same facts give the same proposals.
    """
    return examine(facts).proposals


def examine(facts: BreakFacts) -> Examined:
    """`propose`, with what was considered and rejected on the way."""
    deals, rejected = admitted(facts)
    dealt, in_vain = from_deals(facts, deals, facts.orders)
    found = [*dealt, *from_records(facts, booked_since(facts), admitted_orders(facts)), *from_shapes(facts)]
    found.sort(key=_rank)
    if not found:
        return Examined(proposals=(_unexplained(facts),), rejected=(*rejected, *in_vain))
    best = [one for one in found if one.strength == found[0].strength]
    tied = len({one.cause for one in best}) > 1
    proposals = tuple(replace(one, ambiguous=one.ambiguous or (tied and one in best)) for one in found)
    return Examined(proposals=proposals, rejected=(*rejected, *in_vain))


def _rank(one: Proposal) -> tuple[int, int, int]:
    """Strongest first, then the most specific, then the one that needs the fewest executions."""
    return STRENGTHS.index(one.strength), _SPECIFIC_FIRST.index(one.cause), len(one.executions)


def _unexplained(facts: BreakFacts) -> Proposal:
    if not facts.delta:
        fields = " and ".join(field for field in facts.fields if field is not None) or "nothing"
        why = f"the quantities agree and {fields} differs: nothing that is known says who changed it"
    else:
        why = f"nothing that is known is exactly the difference of {signed_text(facts.delta)}"
    return Proposal(cause="unexplained", strength="none", why=why, positions=(facts.seen_position,))
