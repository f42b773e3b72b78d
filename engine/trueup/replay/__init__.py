"""What would be decided again, what would have been decided otherwise, and what was so at any moment?

Read in this order: `turns` inputs with their decisions · `redeciding` law 1, each input on the recorded state ·
`telling` events in plain words · `lives` how each break of a world went · `questions` what was never asked ·
`elsewhere` the same inputs under another policy · `pairing`, `ending` what that changes · `between` two moments held
against each other · `happened` when things were so, not when we learned of them · `journals` the shell · `corpus`,
`machines` many journals.
"""

from trueup.replay.between import Between, Changed, broker_orders, fields_of
from trueup.replay.corpus import Journal, Measured, Summary, Tally, Task, journals_in, measure, measure_all, summed
from trueup.replay.elsewhere import Elsewhere
from trueup.replay.ending import Apart, Ending
from trueup.replay.happened import Happened, Was, stamp_of
from trueup.replay.journals import (
    Otherwise,
    Readable,
    Redecided,
    Unsent,
    WorldTold,
    both_worlds,
    differences_between,
    happened_by,
    redecide,
    redecide_under,
)
from trueup.replay.lives import Life, Lives
from trueup.replay.machines import measured
from trueup.replay.pairing import Compared, Row, Told, Undecided, compared
from trueup.replay.redeciding import Difference, Redeciding, Span
from trueup.replay.telling import differing, plainly, told
from trueup.replay.turns import Turn, turns

__all__ = [
    "Apart",
    "Between",
    "Changed",
    "Compared",
    "Difference",
    "Elsewhere",
    "Ending",
    "Happened",
    "Journal",
    "Life",
    "Lives",
    "Measured",
    "Otherwise",
    "Readable",
    "Redecided",
    "Redeciding",
    "Row",
    "Span",
    "Summary",
    "Tally",
    "Task",
    "Told",
    "Turn",
    "Undecided",
    "Unsent",
    "Was",
    "WorldTold",
    "both_worlds",
    "broker_orders",
    "compared",
    "differences_between",
    "differing",
    "fields_of",
    "happened_by",
    "journals_in",
    "measure",
    "measure_all",
    "measured",
    "plainly",
    "redecide",
    "redecide_under",
    "stamp_of",
    "summed",
    "told",
    "turns",
]
