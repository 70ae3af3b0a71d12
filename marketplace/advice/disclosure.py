"""What a page says of money: worked out from its links and from how things were obtained, and never written by hand.

Readers are told in the language of the page and with the word "Reclame" (in English "Ad") first; who earns nothing and
got nothing says so too. The texts are data (disclosure.toml).
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

FORM: Final = 1
# What binds an adviser to a shop even where no button pays.
BINDING = ("received", "loaned", "paid_for")


@cache
def texts() -> Mapping[str, Mapping[str, Any]]:
    """Return all texts by language."""
    file = resources.files("marketplace.advice") / "disclosure.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def of(cards: Sequence[Mapping[str, Any]], *, language: str, name: str) -> dict[str, Any]:
    """Return the disclosure of a page: {form, language, is_ad, word, sentence, more, obtained}.

    cards: product cards with `pays`, `shop` and `obtained`; name: the adviser's, as readers know them. `word` is the
    first word of what readers see where the page is an advertisement, and None where it is not.
    """
    paying = [card for card in cards if card["pays"]]
    bound = [card for card in cards if card.get("obtained") in BINDING]
    said = texts()[language]
    sentences = []
    if paying:
        shops = list(dict.fromkeys(str(card["shop"]) for card in paying))
        sentences.append(said["bar"]["pays"].format(name=name, shops=_listed(shops, said["and"])))
    if bound:
        sentences.append(said["bar"]["received"].format(name=name, count=len(bound), all=len(cards)))
    if not sentences:
        sentences.append(said["bar"]["nothing"].format(name=name))
    return {
        "form": FORM,
        "language": language,
        "is_ad": bool(paying or bound),
        "word": said["word"] if paying or bound else None,
        "sentence": " ".join(sentences),
        "more": _more(said["more"], len(paying), len(cards), name),
        "obtained": dict(Counter(str(card["obtained"]) for card in cards if card.get("obtained"))),
    }


def button(card: Mapping[str, Any], *, language: str, name: str) -> dict[str, Any]:
    """Return what stands beside the button of one card: {pays, word, sentence}."""
    said = texts()[language]
    if card["pays"]:
        return {"pays": True, "word": said["word"], "sentence": said["button"]["pays"].format(name=name)}
    return {"pays": False, "word": None, "sentence": said["button"]["nothing"]}


def obtained(how: str, language: str) -> str:
    """Return how something was obtained, in words."""
    return str(texts()[language]["obtained"][how])


def _more(said: Mapping[str, str], paying: int, total: int, name: str) -> list[str]:
    found = []
    if paying:
        which = "some" if paying < total else "all" if total > 1 else "one"
        found.append(said[which].format(all=total, paying=paying))
    found.append(said["read"].format(name=name))
    if paying:
        found.append(said["return"])
    return found


def _listed(names: Sequence[str], final: str) -> str:
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + final + names[-1]
