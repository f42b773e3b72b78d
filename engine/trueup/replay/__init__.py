"""What would be decided again, what would have been decided otherwise, and what was so at any moment?

Read in this order: `turns` inputs with their decisions · `redeciding` law 1, each input on the recorded state ·
`telling` events in plain words · `journals` the shell that reads.
"""

from trueup.replay.journals import Readable, Redecided, events_of, redecide
from trueup.replay.redeciding import Difference, Redeciding, Span
from trueup.replay.telling import differing, plainly, told
from trueup.replay.turns import Turn, turns

__all__ = [
    "Difference",
    "Readable",
    "Redecided",
    "Redeciding",
    "Span",
    "Turn",
    "differing",
    "events_of",
    "plainly",
    "redecide",
    "told",
    "turns",
]
