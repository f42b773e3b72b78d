"""How is trueup tried against thousands of histories, each from one seed, in virtual time?

Read in this order: `loop`, `dice` time and chance · `scenario`, `drawing` what a seed stands for · `past`, `exchange`,
`desk` the truth · `answers`, `broker` how it is told · `disk` what is written on · `process`, `trading`, `ordering` the
trading process · `accidents`, `happenings` what goes wrong · `beside`, `probes`, `remembered`, `world` all of it,
played and remembered · `history`, `check_values`, `check_evidence`, `check_once`, `check_orders`, `check_journal`,
`checks` which law was broken · `healing` how soon it healed · `tally`, `faults` what was really tried · `run`,
`shrinking`, `story`, `leaving` one history · `results`, `campaign`, `many` thousands.
"""

from trueup.simulation.campaign import Summary, campaign
from trueup.simulation.check_values import Violation
from trueup.simulation.drawing import draw
from trueup.simulation.leaving import leave
from trueup.simulation.run import Outcome, Told, simulate, told
from trueup.simulation.scenario import Happening, Scenario, Settings, from_json, to_json
from trueup.simulation.shrinking import shrink
from trueup.simulation.story import story

__all__ = [
    "Happening",
    "Outcome",
    "Scenario",
    "Settings",
    "Summary",
    "Told",
    "Violation",
    "campaign",
    "draw",
    "from_json",
    "leave",
    "shrink",
    "simulate",
    "story",
    "to_json",
    "told",
]
