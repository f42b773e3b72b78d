"""Which faults can a simulated world have at all? Every name that is counted, so that one never seen shows as 0."""

from __future__ import annotations

from typing import Final

from trueup.simulation.disk import MET
from trueup.simulation.happenings import LASTING

ANSWERS_AND_MESSAGES: Final = (*LASTING, "lagging_answer", "reconnect", "redelivered_answer")
OTHERS_ON_THE_ACCOUNT: Final = (
    "manual_trade", "second_system", "liquidation", "split", "base_fee", "stop_moved", "price_moved", "symbol_rename",
    "foreign_order", "foreign_stop", "late_fill", "broker_clock",
    "order_amended", "order_canceled_by_hand",
)  # fmt: skip
MACHINES: Final = (
    *MET.values(), "kill", "power_cut", "lost_tail", "disk_full", "wall_jump", "rival", "stolen_lock",
    "restart_with_another_policy", "older_snapshot", "invented_fill",
)  # fmt: skip
FAULTS: Final = tuple(sorted({*ANSWERS_AND_MESSAGES, *OTHERS_ON_THE_ACCOUNT, *MACHINES}))
"""By name, in order."""
