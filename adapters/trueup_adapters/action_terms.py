"""What does an action lack, whichever broker is asked for it?"""

from __future__ import annotations

from decimal import Decimal

from trueup.ports import Action


def lacking_terms(action: Action) -> str:
    """What keeps a cancel, a stop or a close from being sent at all, as a sentence; '' where nothing does."""
    if action.kind == "cancel":
        return "" if action.order_id or action.target else "a cancel names an order, by order_id or by target"
    if action.side is None or not _is_positive(action.quantity):
        return f"a {action.kind} has a side, and a quantity greater than 0"
    if action.kind == "place_stop" and not _is_positive(action.stop):
        return "a place_stop has a stop price greater than 0"
    return ""


def _is_positive(number: Decimal | None) -> bool:
    """Whether it is a number above 0; NaN is none, and would raise where it is compared (L43)."""
    return number is not None and number.is_finite() and number > 0
