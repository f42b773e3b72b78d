"""What does a sidecar say to a log, line by line, and what does it never say?

Reading order:
    secrets    what must not be shown, and how it is kept out
    lines      which events are worth a line, and what it holds
    writing    key by key for people, JSON for programs
    following  a thread that reads the journal and writes what is new
"""

from trueup_adapters.logs.following import JournalLog
from trueup_adapters.logs.lines import of_event, of_pass
from trueup_adapters.logs.secrets import MASK, hidden, hide, hide_address, hide_environment, hide_password, veil
from trueup_adapters.logs.writing import Log

__all__ = [
    "MASK",
    "JournalLog",
    "Log",
    "hidden",
    "hide",
    "hide_address",
    "hide_environment",
    "hide_password",
    "of_event",
    "of_pass",
    "veil",
]
