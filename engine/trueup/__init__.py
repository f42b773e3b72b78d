"""How is a trading process's book kept equal to its broker, and how is that proven?

Read in this order: `model` values · `changes` what can be recorded · `facts` inputs · `decisions` outputs · `events`
their names and bytes · `evidence` present, absent with proof, unknown · `policy`, `policy_file`, `toml_lines` the
rules · `compare` book against broker · `explain` sentences · `reconciliation` the aggregate: fold and decide ·
`journal` storage · `storage` what of it is needed · `claims`, `edge`, `ledger` decide and append · `gate`,
`gate_view`, `proving`, `standing` may this be sent · `ports` clock and broker · `passes`, `report` one pass · `book`,
`audit`, `deliveries` what comes back · `shell`, `reconciler` the two faces · `foreign` a book that lives elsewhere ·
`errors`.
"""

from trueup.audit import AuditEntry
from trueup.book import Book
from trueup.changes import (
    Change,
    Command,
    Fill,
    Message,
    OrderUpdate,
    PositionSet,
    PushedExecution,
    PushedState,
)
from trueup.deliveries import BookChange
from trueup.errors import (
    BadNumber,
    InputError,
    InvariantBroken,
    JournalCorrupt,
    JournalError,
    JournalLocked,
    PolicyError,
    StartupFailed,
    StoreUrlError,
    TrueupError,
    WriterFenced,
)
from trueup.gate import Gate, GateRefusal, Intent, NeedsProof, Permit, Warned
from trueup.model import EXTERNAL, Holding, OrderStatus, Stop
from trueup.policy import ClosedHours, Instrument, Policy
from trueup.ports import Answer, Broker, Capabilities, Clock, Question
from trueup.reconciler import AsyncReconciler, Reconciler
from trueup.report import BreakRow, CorrectionRow, PassReport
from trueup.shell import Status

__all__ = [
    "EXTERNAL",
    "Answer",
    "AsyncReconciler",
    "AuditEntry",
    "BadNumber",
    "Book",
    "BookChange",
    "BreakRow",
    "Broker",
    "Capabilities",
    "Change",
    "Clock",
    "ClosedHours",
    "Command",
    "CorrectionRow",
    "Fill",
    "Gate",
    "GateRefusal",
    "Holding",
    "InputError",
    "Instrument",
    "Intent",
    "InvariantBroken",
    "JournalCorrupt",
    "JournalError",
    "JournalLocked",
    "Message",
    "NeedsProof",
    "OrderStatus",
    "OrderUpdate",
    "PassReport",
    "Permit",
    "Policy",
    "PolicyError",
    "PositionSet",
    "PushedExecution",
    "PushedState",
    "Question",
    "Reconciler",
    "StartupFailed",
    "Status",
    "Stop",
    "StoreUrlError",
    "TrueupError",
    "Warned",
    "WriterFenced",
]
