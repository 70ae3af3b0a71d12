"""Legal details: VAT numbers by their check digits, Dutch chamber of commerce numbers by their form."""

from __future__ import annotations

import re

from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from marketplace.core.errors import InvalidInput

_KVK = re.compile(r"[0-9]{8}", re.ASCII)
_FOREIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{1,39}", re.ASCII)
# VAT numbers of Greece begin with EL; the country code is GR.
_VAT_PREFIX = {"GR": "EL"}


def registration_number(text: str, country: str, field: str = "registration_no") -> str:
    """Return the number of a company register. Raises InvalidInput.

    The Dutch one (KvK) is eight digits and has no check digit; others are taken as they are written.
    """
    number = text.strip()
    if country == "NL":
        number = number.replace(" ", "").replace(".", "")
        if not _KVK.fullmatch(number):
            raise InvalidInput({field: ["A KvK number has eight digits."]})
    elif not _FOREIGN.fullmatch(number):
        raise InvalidInput({field: ["Use the number as the company register writes it."]})
    return number


def vat_number(text: str | None, country: str, field: str = "vat_no") -> str:
    """Return a VAT number in its compact form, checked by the rules of its country. Raises InvalidInput.

    Outside the European Union there is no common form, and the number is taken as it is written.
    """
    if not text:
        raise InvalidInput({field: ["The VAT number is needed."]})
    if country.lower() not in vat.MEMBER_STATES:
        if not _FOREIGN.fullmatch(text.strip()):
            raise InvalidInput({field: ["This is not a VAT number."]})
        return text.strip()
    try:
        compact: str = vat.validate(text)
    except ValidationError as error:
        raise InvalidInput({field: ["This is not a valid VAT number; check its digits."]}) from error
    if compact[:2] != _VAT_PREFIX.get(country, country):
        raise InvalidInput({field: [f"This VAT number is not of {country}."]})
    return compact
