"""Codes that somebody says aloud at a till: six characters, of which the last one tells whether they were heard right.

The characters are the 17 that are left when no two may look alike (no 0 O D Q, 1 I L, 2 Z, 5 S, 8 B, U V, 6 G, and of M
and N one) or change places between Dutch and English (A, E and I are each other's names; G and J nearly), and no vowel
may make a word. Still alike to the ear are C, P, T and W in Dutch, H and K, 7 and 9: the check finds those.

The check: the sum of each character's value times its place, 1 to 6, is divisible by 17 (ISBN-10's scheme with another
prime). One wrong character changes the sum by value times place, and a swap by the difference of two values times that
of two places; as 17 is prime and larger than each factor, neither is ever divisible by it. Pure; no database here.
"""

from __future__ import annotations

import re
import secrets

ALPHABET = "34679CFHJKMPRTWXY"
LENGTH = 6
_PRIME = len(ALPHABET)
_VALUE = {character: value for value, character in enumerate(ALPHABET)}
_GAPS = re.compile(r"[\s\u2010-\u2015-]+")


def squeeze(text: str) -> str:
    """Return what was typed in capitals, without spaces and hyphens."""
    return _GAPS.sub("", text).upper()


def fails(code: str) -> bool:
    """Tell whether a squeezed text is no spoken code: another length or character, or a check that is wrong."""
    return len(code) != LENGTH or any(one not in _VALUE for one in code) or _sum(code) != 0


def looks_spoken(code: str) -> bool:
    """Tell whether a squeezed text has the length and the characters of a spoken code, whatever its check says."""
    return len(code) == LENGTH and all(one in _VALUE for one in code)


def complete(start: str) -> str:
    """Return the code that begins with five characters of the alphabet."""
    [code] = [start + last for last in ALPHABET if _sum(start + last) == 0]
    return code


def draw() -> str:
    """Return a code drawn by lot, one of 1,419,857."""
    return complete("".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1)))


def shown(code: str) -> str | None:
    """Return a spoken code as it is printed and read out, in two threes; None for any other code."""
    return None if fails(code) else f"{code[:3]} {code[3:]}"


def near(typed: str) -> tuple[str, ...]:
    """Return the spoken codes that are one error away from a squeezed text, at most 11, in order.

    An error: one wrong character (whether of the alphabet or not), two neighbours swapped, one left out, one too many.
    """
    found: set[str] = set()
    if len(typed) == LENGTH:
        for place in range(LENGTH):
            found |= _filled(typed[:place], typed[place + 1 :])
        for place in range(LENGTH - 1):
            found.add(typed[:place] + typed[place + 1] + typed[place] + typed[place + 2 :])
    elif len(typed) == LENGTH - 1:
        for place in range(LENGTH):
            found |= _filled(typed[:place], typed[place:])
    elif len(typed) == LENGTH + 1:
        found |= {typed[:place] + typed[place + 1 :] for place in range(LENGTH + 1)}
    return tuple(sorted(code for code in found if not fails(code) and code != typed))


def _filled(before: str, after: str) -> set[str]:
    return {before + one + after for one in ALPHABET}


def _sum(code: str) -> int:
    return sum(place * _VALUE.get(one, 0) for place, one in enumerate(code, start=1)) % _PRIME
