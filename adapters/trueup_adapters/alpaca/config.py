"""How is an `AlpacaBroker` made from the environment, or from a table of settings?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from trueup.errors import InputError
from trueup_adapters.alpaca.broker import AlpacaBroker
from trueup_adapters.alpaca.hosts import URL_OF, Environment
from trueup_adapters.alpaca.keys import KEY_ID, SECRET_KEY, Credentials, from_file

URL: Final = "APCA_API_BASE_URL"
KEY_FILE: Final = "APCA_KEY_FILE"
_SETTINGS: Final[dict[str, type | tuple[type, ...]]] = {
    "environment": str,
    "account": str,
    "url": str,
    "insecure": bool,
    "read_only": bool,
    "timeout_ms": int,
    "lag_ms_max": (int, dict),
    "aliases": dict,
    "strategies": dict,
    "execution_ids": str,
    "stop_limit_slack": str,
}


def from_environment(environ: Mapping[str, str] | None = None, **settings: Any) -> AlpacaBroker:
    """A broker as APCA_API_KEY_ID, APCA_API_SECRET_KEY (or APCA_KEY_FILE, which holds both) and APCA_API_BASE_URL say.

    settings   as `AlpacaBroker` takes them. Without `environment` it is the one whose address APCA_API_BASE_URL is,
               and `paper` where that is not set.

    Raises InputError when one of them is missing or cannot be meant.
    """
    given = os.environ if environ is None else environ
    url = given.get(URL, "").strip()
    if url and "url" not in settings:
        settings["url"] = url
    settings.setdefault("environment", _environment_of(url))
    return AlpacaBroker(_credentials(given, None), **settings)


def from_config(
    settings: Mapping[str, Any],
    *,
    environ: Mapping[str, str] | None = None,
    canonical: Callable[[str], str] | None = None,
) -> AlpacaBroker:
    """A broker from a table of settings, such as one of a TOML file: the names are those of `AlpacaBroker`, besides
    `key_file`, a file that holds both keys. Without one the keys are those of the environment; keys themselves are
    not taken from settings, for settings are shown, stored and committed.

    canonical   a further translation of every name, such as a policy's `canonical`

    Raises InputError for an unknown name, a value of the wrong kind, or keys that are missing.
    """
    table = dict(settings)
    key_file = table.pop("key_file", None)
    if key_file is not None and not isinstance(key_file, str):
        raise InputError("alpaca: key_file is no text; it is the path of a file with both keys")
    for name in ("key_id", "secret", "secret_key", "api_key", KEY_ID, SECRET_KEY):
        if name in table:
            raise InputError(f"alpaca: {name} does not belong into settings; give key_file, or set {KEY_ID}")
    for name, value in table.items():
        kind = _SETTINGS.get(name)
        if kind is None:
            raise InputError(f"alpaca: there is no setting {name!r}; there are key_file, {', '.join(_SETTINGS)}")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError(f"alpaca: {name} is {value!r}, which is not what it must be")
    keys = _credentials(os.environ if environ is None else environ, key_file)
    return AlpacaBroker(keys, canonical=canonical, **table)


def _credentials(environ: Mapping[str, str], key_file: str | None) -> Credentials:
    path = key_file or environ.get(KEY_FILE, "").strip()
    if path:
        return from_file(Path(path).expanduser())
    missing = [name for name in (KEY_ID, SECRET_KEY) if not environ.get(name, "").strip()]
    if missing:
        raise InputError(f"{' and '.join(missing)} are not set; set both, or {KEY_FILE} to a file that has them")
    return Credentials(environ[KEY_ID].strip(), environ[SECRET_KEY].strip())


def _environment_of(url: str) -> Environment:
    return "live" if url.rstrip("/").removesuffix("/v2") == URL_OF["live"] else "paper"
