"""How is what happened told afterwards, from the journal alone: as data, and in plain sentences?

Pure but for what the given `Past` reads. Read in this order: `told` the shapes · `reference` which correction or break
is meant · `history` all that a journal holds about one key, `orders_heard` the orders among it · `material` that as
facts for `trueup.causes` · `rules` what was in force · `verdict` what was weighed · `chain` the whole explanation ·
`sentences` the same for a person · `over_time` book against broker.
"""

from trueup.telling.chain import explain, facts_of
from trueup.telling.over_time import Leg, Mark, Point, Timeline, timeline
from trueup.telling.reference import Target, about, find
from trueup.telling.told import (
    CauseTold,
    ChangeTold,
    ConsideredTold,
    Explanation,
    ObservationTold,
    Past,
    RuleTold,
    Subject,
    WorthTold,
)

__all__ = [
    "CauseTold",
    "ChangeTold",
    "ConsideredTold",
    "Explanation",
    "Leg",
    "Mark",
    "ObservationTold",
    "Past",
    "Point",
    "RuleTold",
    "Subject",
    "Target",
    "Timeline",
    "WorthTold",
    "about",
    "explain",
    "facts_of",
    "find",
    "timeline",
]
