"""Which tables are a log: one row per event, or part of one, never changed afterwards?"""

from __future__ import annotations

from typing import Final

from trueup_projections.columns import ACCOUNT, CAUSE, ONE_ACCOUNT, POSITION, audited, holding
from trueup_projections.schema import Table, may, moment, must

AUDIT: Final = Table(
    "audit",
    "Audit",
    "One row per event of the journal, told in one sentence. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when its input reached us"),
        must("epoch", "integer", "the writer's tenure"),
        must("name", "text", "the event's stored name"),
        must("what", "text", "`input` or `decision`"),
        may("cause", "integer", "of a decision: journal position of its input"),
        may("symbol", "text", "what it is about, if one symbol"),
        may("correction", "text", "id of the correction that it made"),
        must("sentence", "text", "what it says"),
        must("digest", "text", "SHA-256 over this event and all before it, hex"),
    ),
    links=(ONE_ACCOUNT, audited("cause")),
    indexes=(("account", "name"), ("account", "symbol"), ("at_ns",)),
    searched=("sentence",),
)

EPOCHS: Final = Table(
    "epochs",
    "Epochs",
    "One row per writer's tenure.",
    ("account", "epoch"),
    (
        ACCOUNT,
        must("epoch", "integer", "from 1"),
        POSITION,
        *moment("at", "when it began"),
        must("process", "text", "who wrote"),
        must("source", "text", "whom it asked; '' when it only came to leave something"),
        must("position_mode", "text", "`netting` or `hedging`"),
        must("trueup_version", "text", "the program that wrote"),
        must("decider_version", "integer", "of its rules"),
        must("fold_version", "integer", "of its state"),
        must("baseline", "flag", "1: the first complete answer may become the book"),
        must("delivers", "flag", "1: corrections were handed to the trading process"),
    ),
    links=(ONE_ACCOUNT, audited()),
)

POLICIES: Final = Table(
    "policies",
    "Policies",
    "One row each time that a policy came into force.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when it came into force"),
        must("mark", "text", "first 8 bytes of the digest, hex: what decisions name"),
        must("digest", "text", "SHA-256 of the whole policy, hex"),
        must("preset", "text", "`observe`, `adopt` or `guarded`"),
        must("policy", "json", "every knob"),
    ),
    links=(ONE_ACCOUNT, audited()),
    indexes=(("account", "mark"),),
)

OBSERVATIONS: Final = Table(
    "observations",
    "Observations",
    "One row per answer, or failure to answer, to one question put to the broker. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        must("surface", "text", "what was asked"),
        must("pass", "integer", "the pass it belongs to"),
        must("kind", "text", "of that pass"),
        must("epoch", "integer", "the writer's tenure"),
        *moment("asked", "when the first attempt was made"),
        *moment("received", "when the answer, or the last failure, came"),
        must("took_ns", "ns", "from the first attempt to the answer, ns, by the monotonic clock"),
        must("completeness", "text", "`complete`, `partial`, `failed` or `unsupported`"),
        must("why", "text", "why it is not complete; '' when it is"),
        must("source", "text", "the adapter"),
        must("dialect", "text", "which of the broker's dialects it was"),
        must("attempts", "integer", "how many"),
        must("asked_position", "integer", "the journal's last position when it was asked"),
        must("received_position", "integer", "and when it came"),
        may("raw_digest", "text", "SHA-256 of the reply as it came, hex; NULL: nothing came"),
        may("base", "integer", "the observation that it is the difference to; 0: whole; NULL: it lists nothing"),
        must("stated", "integer", "rows that it states"),
        must("gone", "integer", "keys that its base lists and it does not"),
        may("sought_client_order_id", "text", "of a look-up: the order that was asked for"),
        may("sought_order_id", "text", "of a look-up: the order that was asked for, by the broker's id"),
        must("executions", "integer", "executions in it that were new"),
        must("refused", "integer", "rows refused"),
        must("id", "text", "given by whoever observed; '' for none"),
    ),
    links=(ONE_ACCOUNT, audited(), (("account", "pass"), "passes", ("account", "pass"))),
    indexes=(("account", "surface", "completeness"), ("account", "pass"), ("received_at_ns",)),
)

REFUSED: Final = Table(
    "refused",
    "Refused",
    "One row per row of the broker's, or record of the process's, that was not used, with the reason. Never changed.",
    ("account", "position", "row"),
    (
        ACCOUNT,
        POSITION,
        must("row", "integer", "the broker's rows: its place in the refusals of that answer, from 1; 0 for a record"),
        *moment("at", "when it reached us"),
        must("what", "text", "what was refused"),
        may("symbol", "text", "as far as it could be read"),
        may("ticket", "text", "as far as it could be read"),
        must("why", "text", "one sentence"),
    ),
    links=(ONE_ACCOUNT, audited()),
)

BREAK_STEPS: Final = Table(
    "break_steps",
    "Steps of breaks",
    "One row per step in the life of a break. Never changed.",
    ("account", "position", "step"),
    (
        ACCOUNT,
        POSITION,
        must("step", "integer", "within its event, from 1"),
        must("break_id", "text", "the break"),
        *moment("at", "when the input that caused it reached us"),
        CAUSE,
        must("kind", "text", "of the break"),
        may("field", "text", "of a drift"),
        must("state", "text", "`opened`, `seen`, `confirmed`, `corrected`, `cleared` or `escalated`"),
        may("book", "text", "what the book says"),
        may("broker", "text", "what the broker says"),
        must("sightings", "integer", "independent answers that have now said so"),
        must("why", "text", "the reason; '' when the state says it all"),
        must("evidence", "json", "journal positions of the observations that it rests on"),
        must("policy", "text", "mark of the policy that it followed, hex"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("cause"), (("account", "break_id"), "breaks", ("account", "id"))),
    indexes=(("account", "break_id"),),
)

CORRECTIONS: Final = Table(
    "corrections",
    "Corrections",
    "One row per change that trueup made to a position or an order of the book, the baseline apart. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        must("id", "text", "derives from the state that was corrected"),
        must("of", "text", "`position` or `order`"),
        must("kind", "text", "`recovery`, `ghost`, `drift` or `missed-fill`"),
        *moment("at", "when the input that caused it reached us"),
        CAUSE,
        must("key", "text", "as in `positions`; of an order its client order id, or `@` and the broker's reference"),
        must("symbol", "text", "by its one canonical name"),
        may(
            "ticket", "text", "the broker's own id of the position; of an order its client order id, else the broker's"
        ),
        *holding("before", "in the book before"),
        *holding("after", "in the book after"),
        must("why", "text", "one sentence"),
        may("exit_reason", "text", "of a ghost: why the position is no more"),
        may(
            "compensates", "text", "id of the earlier correction that this one undoes; `end`: an order's end, disproved"
        ),
        may("break_id", "text", "the break that it resolved; of several, the first"),
        may("execution_id", "text", "of a missed fill"),
        must("evidence", "json", "journal positions that it rests on"),
        must("policy", "text", "mark of the policy that it followed, hex"),
    ),
    links=(
        ONE_ACCOUNT,
        audited(),
        audited("cause"),
        (("account", "break_id"), "breaks", ("account", "id")),
        (("account", "execution_id"), "fills", ("account", "execution_id")),
    ),
    indexes=(("account", "id"), ("account", "kind"), ("account", "symbol"), ("account", "of", "key")),
    searched=("why",),
)

ALERTS: Final = Table(
    "alerts",
    "Alerts",
    "One row per thing that a person was told. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when the input that caused it reached us"),
        CAUSE,
        must("severity", "text", "`info`, `warning` or `critical`"),
        must("topic", "text", "what it is about"),
        must("text", "text", "what was said"),
        must("breaks", "json", "ids of the breaks that it speaks for"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("cause")),
    indexes=(("account", "severity"),),
    searched=("text",),
)

GATE: Final = Table(
    "gate",
    "Gate",
    "One row each time that the gate's answer changed; the last one of an account holds. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "since when"),
        CAUSE,
        must("status", "text", "`open`, `reduce_only` or `closed`"),
        must("why", "text", "the reason"),
        must("symbols", "json", "symbols that are reduce-only, each with the reason"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("cause")),
)

QUARANTINE: Final = Table(
    "quarantine",
    "Quarantine",
    "One row each time that a scope entered quarantine or was released; the last one of a scope holds. Never changed.",
    ("account", "position"),
    (
        ACCOUNT,
        POSITION,
        *moment("at", "when"),
        CAUSE,
        must("scope", "text", "`strategy:symbol` or `*:symbol`"),
        must("state", "text", "`entered` or `released`"),
        must("why", "text", "the reason"),
        may("break_id", "text", "the break that it is about"),
    ),
    links=(ONE_ACCOUNT, audited(), audited("cause"), (("account", "break_id"), "breaks", ("account", "id"))),
    indexes=(("account", "scope"),),
    searched=("why",),
)
