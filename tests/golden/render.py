"""How is a stored value written down so that a person and any later version can compare it?

By field name, not by place: `{"at_ns": …}`. Decimals are their text, bytes hex, an enum's member its word, a field that
was never said `"unset"`.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum

import msgspec


def rendered(value: object) -> object:
    """The value in JSON's terms."""
    if isinstance(value, msgspec.Struct):
        return {name: rendered(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {str(key): rendered(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [rendered(one) for one in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return "unset" if value is msgspec.UNSET else value


def differences(written: object, value: object, path: str = "") -> list[str]:
    """Where a value is not what was written of it once.

    A field that was added since is no difference as long as it has its default: that is how the schema may grow.
    """
    if isinstance(value, msgspec.Struct):
        assert isinstance(written, dict)
        found = [f"{path}.{name} is gone" for name in written if name not in value.__struct_fields__]
        for field in msgspec.structs.fields(value):
            mine = getattr(value, field.name)
            if field.name in written:
                found += differences(written[field.name], mine, f"{path}.{field.name}")
            elif field.required or (mine != field.default and mine != _made(field.default_factory)):
                found.append(f"{path}.{field.name} is new and not its default: {mine!r}")
        return found
    if isinstance(value, tuple | list) and isinstance(written, list) and len(written) == len(value):
        return [
            one for n, pair in enumerate(zip(written, value, strict=True)) for one in differences(*pair, f"{path}[{n}]")
        ]
    if isinstance(value, dict) and isinstance(written, dict) and list(written) == [str(key) for key in value]:
        return [one for key, mine in value.items() for one in differences(written[str(key)], mine, f"{path}[{key}]")]
    return [] if rendered(value) == written else [f"{path}: {written!r} was written, {value!r} is read"]


def _made(factory: object) -> object:
    return factory() if callable(factory) else msgspec.NODEFAULT
