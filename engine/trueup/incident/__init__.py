"""How does an incident come in from elsewhere, and how is what happened here handed over as evidence?

Read in this order: `cells`, `rows`, `lines` what a recorded line says · `recording` lines and their marks ·
`importing` deciding them as if live.
"""

from trueup.incident.importing import Imported, RecordedClock, Refused, import_incident
from trueup.incident.lines import Line, LineRefused, Seen, line_of
from trueup.incident.rows import Rules

__all__ = [
    "Imported",
    "Line",
    "LineRefused",
    "RecordedClock",
    "Refused",
    "Rules",
    "Seen",
    "import_incident",
    "line_of",
]
