"""The words of a question, compared with words that products are called by; pure.

A question becomes a tsquery in which every word must occur in some form, and a word that nothing is called by is
compared letter by letter with those that are like it.
"""

from __future__ import annotations

from collections.abc import Iterable

Stems = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]


def query_of(words: Iterable[str], stems: Stems, *, language: str | None = None, mark: str = "") -> str:
    """Return the text of a tsquery in which every word must occur, in any form that Dutch or English gives it.

    stems: of each word its Dutch and English lexemes; none means that it is a stop word of that language. Stop words
    are left out unless nothing else is asked. language: nl or en to look at that one only; mark: put before each
    lexeme ("T" finds words of titles only). An empty string when there are no words.
    """
    forms = [(word, _forms(word, stems, language)) for word in words]
    told = [one for one in forms if one[1]] or [(word, (word,)) for word, _ in forms]
    return " & ".join("(" + " | ".join(quoted(mark + form) for form in wanted) + ")" for _, wanted in told)


def _forms(word: str, stems: Stems, language: str | None) -> tuple[str, ...]:
    dutch, english = stems.get(word, ((word,), (word,)))
    chosen = {"nl": (dutch,), "en": (english,)}.get(language or "", (dutch, english))
    if not all(chosen):
        return ()
    return tuple(dict.fromkeys((word, *(form for forms in chosen for form in forms))))


def quoted(lexeme: str) -> str:
    """Return a lexeme as it is written in a tsquery."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def forgiven(word: str) -> int:
    """Return how many letters of a word may be wrong: one of a short word, two of one of six letters or more."""
    return 1 if len(word) < 6 else 2


def turned(word: str) -> list[str]:
    """Return a short word with each two neighbours changed over; those share too few trigrams to be found by them."""
    if not 3 <= len(word) <= 7:
        return []
    swaps = (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))
    return [one for one in dict.fromkeys(swaps) if one != word]


def distance(one: str, other: str) -> int:
    """Return how many letters have to be put in, left out, changed, or changed over with a neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before = before, row
        row = [at]
        for place, wanted in enumerate(other, 1):
            best = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != wanted))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == wanted:
                best = min(best, older[place - 2] + 1)
            row.append(best)
    return row[-1]
