"""How does a secret stay out of everything that is printed, logged, measured, journalled and sent?

Whoever reads a secret says so, once, with `hide`; whoever writes text for people or programs passes it through
`hidden`. Passwords inside addresses are recognised without being told. What is hidden reads `***`.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Final
from urllib.parse import unquote

MASK: Final = "***"
SHORTEST: Final = 8
"""A secret of fewer characters is left alone if it looks like a word: it would blot out ordinary text. `trueup` as the
password of a database is masked where it stands in an address, and nowhere else."""
SHORTEST_MIXED: Final = 5
"""One with digits, capitals or signs in it may be that short."""
SECRETS_MAX: Final = 1_000
"""That many are remembered (law 12)."""
_PASSWORD: Final = re.compile(r"(?<=://)([^\s:/?#@]*):([^\s/?#]*)@")
_PARAMETER: Final = re.compile(
    r"([?&;\s\"'](?:ssl)?(?:password|passwd|pass|token|secret|api_?key|apikey|key)=)[^\s&\"']+", re.IGNORECASE
)
_NAMED: Final = re.compile(
    r"(?:SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|PRIVATE|API_?KEY|_KEY(?:_|$)|PGPASS)", re.IGNORECASE
)
_HARMLESS: Final = re.compile(r"(?:localhost|\d{1,5}|\d+(?:\.\d+){3}|[a-z+.\-]{1,11})\Z")
"""Ports, addresses of machines, and short words in lower case: parts that tell nobody anything."""

_WORD: Final = re.compile(r"[a-z]+\Z")

_guard: Final = threading.Lock()
_known: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


def hide(secret: str | None) -> None:
    """From now on this text is a secret, and so are its unquoted form and the one that JSON writes."""
    global _pattern  # noqa: PLW0603 - one process has one set of secrets, whoever prints
    if not secret:
        return
    with _guard:
        for form in (secret, unquote(secret), json.dumps(secret)[1:-1]):
            if len(form) >= SHORTEST or (len(form) >= SHORTEST_MIXED and not _WORD.match(form)):
                _known[form] = None
        while len(_known) > SECRETS_MAX:
            del _known[next(iter(_known))]
        _pattern = None  # made anew when something is to be shown


def hide_address(address: str) -> None:
    """An address whose parts are secrets (a webhook): all of it, its password, and each part that looks like one."""
    hide(address)
    hide_password(address)
    rest = address.partition("://")[2]
    for part in re.split(r"[/?&=@:#]", rest):
        if not _HARMLESS.match(part):
            hide(part)


def hide_environment(environ: Mapping[str, str]) -> None:
    """The values of variables that are named like secrets."""
    for name in sorted(environ):
        if _NAMED.search(name):
            hide(environ[name].strip())


def hide_password(address: str | None) -> None:
    """The password in an ordinary address, `scheme://user:password@host`."""
    found = _PASSWORD.search(address or "")
    if found:
        hide(found[2])


def hidden(text: str) -> str:
    """`text` as it may be shown."""
    shown = _PARAMETER.sub(rf"\g<1>{MASK}", _PASSWORD.sub(rf"\g<1>:{MASK}@", text))
    pattern = _known_pattern()
    return shown if pattern is None else pattern.sub(MASK, shown)


def _known_pattern() -> re.Pattern[str] | None:
    """All known secrets, the longest first: none may hide a part of another."""
    global _pattern  # noqa: PLW0603 - as above
    if _pattern is None and _known:
        with _guard:
            _pattern = re.compile("|".join(re.escape(one) for one in sorted(_known, key=len, reverse=True)))
    return _pattern


def veil() -> None:
    """From now on a traceback that ends this process, or one of its threads, passes by the secrets as well: what a
    library raises may name the address that it could not reach."""

    def tell(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        sys.stderr.write(hidden("".join(traceback.format_exception(kind, error, trace))))

    sys.excepthook = tell
    threading.excepthook = lambda args: tell(args.exc_type, args.exc_value, args.exc_traceback)
