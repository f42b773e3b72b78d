"""What is the one name of something that Alpaca spells in several ways?

Alpaca lists a pair's position as `BTCUSD`, its orders as `BTC/USD`, and knows either when it is asked (L33). The one
name is the one with the slash: it says by itself where the base ends. The rule is written down here and changes only
with its name, `alpaca-pairs/1`; what it cannot decide is refused, and `aliases` decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from trueup.errors import InputError, TrueupError
from trueup.model import name_of
from trueup_adapters.alpaca.cells import BadRow, name_cell, printable

RULE: Final = "alpaca-pairs/1"
QUOTES: Final = ("USDT", "USDC", "USDG", "USD", "BTC", "ETH")
"""What pairs are quoted in at Alpaca; no one of them ends in another."""
CRYPTO: Final = "crypto"
NAMES_MAX: Final = 10_000
"""Spellings that are remembered (law 12)."""


class Symbols:
    """The names of one account's symbols."""

    def __init__(self, aliases: Mapping[str, str] | None = None, canonical: Callable[[str], str] | None = None) -> None:
        """aliases    spelling to the one name; they come before every rule
        canonical  a further translation of every name, such as a policy's `canonical`

        Raises InputError for an alias of an alias: it would have two names.
        """
        self._aliases = {name_of(a, what="alias"): name_of(n, what="symbol") for a, n in (aliases or {}).items()}
        for alias, name in self._aliases.items():
            if self._aliases.get(name, name) != name:
                raise InputError(f"aliases: {alias!r} stands for {name!r}, which is itself an alias; give the last one")
        self._canonical = canonical
        self._classes: dict[str, str] = {}

    def name(self, symbol: object, asset_class: str | None) -> tuple[str, str | None]:
        """(the one name, the spelling where that differs). Raises BadRow for what has no certain name."""
        spelled = name_cell(symbol, "symbol")
        if asset_class is not None and len(self._classes) < NAMES_MAX:
            self._classes[spelled] = asset_class
        name = self._aliases.get(spelled) or self._ruled(spelled, asset_class or self._classes.get(spelled))
        if self._canonical is not None:
            try:
                name = name_cell(self._canonical(name), "symbol")
            except (TrueupError, LookupError, ValueError) as error:
                raise BadRow(printable(f"its symbol {spelled!r} has no canonical name: {error}")) from error
        return name, None if name == spelled else spelled

    def known(self, symbol: str | None, asset_class: str | None) -> str | None:
        """The one name of a refused row's symbol, so that the right scope is closed; else as it is spelled."""
        if symbol is None:
            return None
        try:
            return self.name(symbol, asset_class or None)[0]
        except BadRow:
            return symbol

    def sent_as(self, spelled: str, asset_class: str) -> str:
        """How Alpaca's orders spell what its positions spell so."""
        splits = _splits(spelled)
        return splits[0] if asset_class == CRYPTO and "/" not in spelled and len(splits) == 1 else spelled

    def unsure(self, symbol: object) -> bool:
        """Whether nobody can say without asking if a symbol of no stated class is a pair or a share."""
        if not isinstance(symbol, str) or "/" in symbol or symbol in self._aliases or symbol in self._classes:
            return False
        return bool(_splits(symbol))

    def is_plain(self, symbol: str) -> bool:
        """Whether Alpaca knows something by that very name: it is no pair, and no name of ours."""
        if self._canonical is not None or symbol in self._aliases or symbol in self._aliases.values():
            return False
        return "/" not in symbol and (not _splits(symbol) or self._classes.get(symbol, CRYPTO) != CRYPTO)

    def learn(self, symbol: str, asset_class: str) -> None:
        """What Alpaca says a symbol is."""
        if len(self._classes) < NAMES_MAX:
            self._classes[symbol] = asset_class

    def _ruled(self, spelled: str, asset_class: str | None) -> str:
        if "/" in spelled:
            return spelled
        splits = _splits(spelled)
        if asset_class == CRYPTO:
            if len(splits) != 1:
                raise BadRow(
                    f"its symbol {spelled!r} is a pair, and {RULE} cannot say of what; "
                    f"give aliases={{{spelled!r}: ...}}"
                )
            return splits[0]
        if asset_class is None and splits:
            raise BadRow(
                f"its symbol {spelled!r} may be a share, or the pair {splits[0]}, and Alpaca did not say which; "
                f"give aliases={{{spelled!r}: ...}}"
            )
        return spelled


def _splits(spelled: str) -> list[str]:
    """The pairs that a spelling without a slash can stand for."""
    return [f"{spelled[: -len(quote)]}/{quote}" for quote in QUOTES if spelled.endswith(quote) and spelled != quote]


def unslashed(name: str) -> str:
    """As Alpaca's positions spell it."""
    return name.replace("/", "")
