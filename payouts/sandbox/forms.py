"""Form-encoded parameters as Stripe reads them: `a[b][0]=x`, checked before anything is executed."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from payouts.sandbox.errors import Body, malformed

MOST = 99_999_999
KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
CURRENCIES = frozenset(
    [
        "eur",
        "usd",
        "gbp",
        "chf",
        "dkk",
        "nok",
        "sek",
        "pln",
        "czk",
        "huf",
        "ron",
        "bgn",
        "isk",
        "jpy",
        "cad",
        "aud",
        "nzd",
        "sgd",
        "hkd",
        "mxn",
        "brl",
        "aed",
    ]
)


def decode(raw: bytes) -> Body:
    """Return the nested parameters of a form body or query string.

    Raises: malformed (400) on bad UTF-8, unbalanced brackets, a name used as both value and mapping.
    """
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="strict",
            max_num_fields=1000,
        )
    except (UnicodeDecodeError, ValueError) as problem:
        raise malformed("Invalid request: the body is not a valid form-encoded string.") from problem
    root: Body = {}
    for name, value in pairs:
        match = KEY.fullmatch(name)
        if match is None:
            raise malformed(f"Invalid string: {name}", param=name)
        _place(root, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, name)
    return {name: _lists(value) for name, value in root.items()}


def _place(node: Body, steps: list[str], value: str, name: str) -> None:
    if len(steps) > 8:
        raise malformed(f"Invalid parameter nesting: {name}", param=name)
    for step in steps[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise malformed(f"Invalid parameter: {name} is given as a value and as a mapping", param=name)
    last = steps[-1] or str(len(node))
    if isinstance(node.get(last), dict):
        raise malformed(f"Invalid parameter: {name} is given as a value and as a mapping", param=name)
    node[last] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(part) for name, part in value.items()}
    if inner and all(name.isascii() and name.isdigit() and len(name) < 5 for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner


class Params:
    """The parameters of one call, or of one mapping inside it; every refusal names its `param`."""

    def __init__(self, data: Body, prefix: str = "") -> None:
        self.data = data
        self.prefix = prefix

    def named(self, name: str) -> str:
        """Return the full name of a parameter, as Stripe shows it."""
        return f"{self.prefix}[{name}]" if self.prefix else name

    def allow(self, *names: str) -> None:
        """Refuse every parameter that the endpoint doesn't know."""
        for name in self.data:
            if name not in names and name != "expand":
                shown = self.named(name)
                raise malformed(f"Received unknown parameter: {shown}", param=shown, code="parameter_unknown")

    def has(self, name: str) -> bool:
        """Say whether a parameter was given."""
        return name in self.data

    def require(self, name: str) -> None:
        """Refuse a call without this parameter."""
        if name not in self.data:
            shown = self.named(name)
            raise malformed(f"Missing required param: {shown}.", param=shown, code="parameter_missing")

    def text(self, name: str, *, most: int = 5000) -> str | None:
        """Return a string; None when it is absent or empty."""
        value = self.data.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise malformed("Invalid string", param=self.named(name))
        if len(value) > most:
            raise malformed(
                f"Invalid string: must be at most {most} characters",
                param=self.named(name),
                code="parameter_invalid_string_too_long",
            )
        return value

    def needed(self, name: str, *, most: int = 5000) -> str:
        """Return a string that must be given and not be empty."""
        self.require(name)
        value = self.text(name, most=most)
        if value is None:
            shown = self.named(name)
            raise malformed(
                f"You passed an empty string for '{shown}'.", param=shown, code="parameter_invalid_empty"
            )
        return value

    def choice(self, name: str, *options: str) -> str | None:
        """Return one of the options; None when absent."""
        value = self.text(name)
        if value is not None and value not in options:
            raise malformed(f"Invalid {name}: must be one of {', '.join(options)}", param=self.named(name))
        return value

    def integer(self, name: str, *, least: int = 1, most: int = MOST) -> int | None:
        """Return a whole number of minor units or a count; None when absent."""
        value = self.data.get(name)
        if value is None:
            return None
        shown = self.named(name)
        if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise malformed(f"Invalid integer: {value}", param=shown, code="parameter_invalid_integer")
        number = int(value)
        if number < least:
            message = f"This value must be greater than or equal to {least}."
            raise malformed(message, param=shown, code="parameter_invalid_integer")
        if number > most:
            if name in ("amount", "unit_amount"):
                raise malformed(f"Amount must be no more than {most}", param=shown, code="amount_too_large")
            message = f"This value must be less than or equal to {most}."
            raise malformed(message, param=shown, code="parameter_invalid_integer")
        return number

    def amount(self, name: str = "amount") -> int:
        """Return a positive amount in minor units, at most 99999999."""
        self.require(name)
        value = self.integer(name)
        if value is None:
            raise malformed("Invalid integer", param=self.named(name), code="parameter_invalid_integer")
        return value

    def currency(self, name: str = "currency") -> str:
        """Return a supported three-letter currency code in lower case."""
        value = self.needed(name).lower()
        if value not in CURRENCIES:
            raise malformed(
                f"Invalid currency: {value}. Stripe currently supports these currencies: "
                + ", ".join(sorted(CURRENCIES)),
                param=self.named(name),
            )
        return value

    def boolean(self, name: str) -> bool | None:
        """Return true or false; None when absent."""
        value = self.data.get(name)
        if value in (None, ""):
            return None
        if value not in ("true", "false"):
            raise malformed(f"Invalid boolean: {value}", param=self.named(name))
        return bool(value == "true")

    def mapping(self, name: str) -> Params:
        """Return the parameters nested under a name; empty when absent."""
        value = self.data.get(name)
        if value in (None, ""):
            value = {}
        if not isinstance(value, dict):
            raise malformed("Invalid object", param=self.named(name))
        return Params(value, self.named(name))

    def items(self, name: str) -> list[Any]:
        """Return a list; empty when absent."""
        value = self.data.get(name)
        if value in (None, ""):
            return []
        if not isinstance(value, list):
            raise malformed("Invalid array", param=self.named(name))
        return value

    def metadata(self, before: dict[str, str] | None = None) -> dict[str, str]:
        """Return metadata merged into what was there: an empty value removes its key, empty metadata all."""
        result = dict(before or {})
        value = self.data.get("metadata")
        if value is None:
            return result
        if value == "":
            return {}
        if isinstance(value, list):
            value = {str(position): part for position, part in enumerate(value)}
        shown = self.named("metadata")
        if not isinstance(value, dict):
            raise malformed("Invalid object", param=shown)
        for key, part in value.items():
            if not isinstance(part, str) or len(key) > 40 or len(part) > 500:
                raise malformed(
                    "Metadata keys have at most 40 and values at most 500 characters.",
                    param=f"{shown}[{key}]",
                )
            result[key] = part
        result = {key: part for key, part in result.items() if part != ""}
        if len(result) > 50:
            raise malformed("You may only specify up to 50 metadata keys.", param=shown)
        return result
