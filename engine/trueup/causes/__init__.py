"""Why do the book and the broker differ: which cause does the evidence support?

Pure throughout: everything is passed as values, and the same values give the same answer. Read in this order:
`material` what is asked and answered · `deal_words` what the broker says made a deal · `sums` which deals are exactly
the difference · `admission` which may speak for it at all · `dealt`, `booked`, `shapes` what deals, our own records and
the bare numbers propose · `ranking` the whole of it · `money` how much money it is about · `exits` the reason that a
ghost's correction may state.
"""

from trueup.causes.deal_words import reason_of
from trueup.causes.exits import ExitReason, exit_reason
from trueup.causes.material import (
    BreakFacts,
    Cause,
    Deal,
    Examined,
    Neighbour,
    OrderSeen,
    Proposal,
    Rejected,
    Strength,
)
from trueup.causes.money import Price, Rate, Worth, worth
from trueup.causes.ranking import examine, propose
from trueup.causes.sums import Combined, combine
from trueup.exits import CLOSED_EXTERNALLY
from trueup.model import Reason

__all__ = [
    "CLOSED_EXTERNALLY",
    "BreakFacts",
    "Cause",
    "Combined",
    "Deal",
    "Examined",
    "ExitReason",
    "Neighbour",
    "OrderSeen",
    "Price",
    "Proposal",
    "Rate",
    "Reason",
    "Rejected",
    "Strength",
    "Worth",
    "combine",
    "examine",
    "exit_reason",
    "propose",
    "reason_of",
    "worth",
]
