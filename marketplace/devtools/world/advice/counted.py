"""How much of what was written stands in a running world, read over HTTP as finance: rows for the tables of facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from marketplace.devtools.talk import Caller

# A title, the names of the columns, and the rows.
Told = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]
PAGES = ("published", "draft", "withdrawn", "taken_down")
QUESTIONS = ("answered", "waiting", "set_aside")
REVIEWS = ("found", "not_found", "asked", "none")
REPORTS = ("received", "rejected", "upheld")


def tables(finance: Caller) -> tuple[Told, ...]:
    """Return (title, header, rows) of pages, questions and reports by state, and of reviews by what was found."""
    return _pages(finance), _questions(finance), _reviews(finance), _reports(finance)


def _pages(finance: Caller) -> Told:
    found = finance.items("advice-pages", limit=100)
    return pages_table((one["state"], one["language"], one["version"]) for one in found)


def _questions(finance: Caller) -> Told:
    found = finance.items("questions", limit=100)
    return questions_table(
        (one["state"], [(answer["by_role"], answer["useful"]) for answer in one["answers"]]) for one in found
    )


def _reviews(finance: Caller) -> Told:
    found = finance.items("reviews", limit=100)
    return reviews_table((one["proof"], one["useful"]) for one in found)


def _reports(finance: Caller) -> Told:
    return reports_table(one["state"] for one in finance.items("page-reports", limit=100))


def pages_table(found: Iterable[tuple[str, str, int]]) -> Told:
    """Return the table of pages. found: state, language and number of versions of each."""
    pages, versions = Counter[tuple[str, str]](), Counter[str]()
    for state, language, number in found:
        pages[state, language] += 1
        versions[state] += number
    rows = tuple(
        (_words(state), str(pages[state, "nl"]), str(pages[state, "en"]), str(versions[state]))
        for state in PAGES
    )
    return "Advice", ("pages", "Dutch", "English", "versions"), rows


def questions_table(found: Iterable[tuple[str, Sequence[tuple[str, int]]]]) -> Told:
    """Return the table of questions. found: state of each, with (by_role, useful) of its answers."""
    kept = list(found)
    rows = []
    for state in QUESTIONS:
        ours = [answers for what, answers in kept if what == state]
        by = Counter(role for answers in ours for role, _ in answers)
        useful = sum(votes for answers in ours for _, votes in answers)
        rows.append((_words(state), *map(str, (len(ours), by["adviser"], by["shop"], useful))))
    return "Questions", ("state", "number", "answers by advisers", "by shops", "useful"), tuple(rows)


def reviews_table(found: Iterable[tuple[str, int]]) -> Told:
    """Return the table of reviews. found: how far the proof of a purchase got, and useful votes of each."""
    kept = list(found)
    rows = []
    for proof in REVIEWS:
        votes = [useful for what, useful in kept if what == proof]
        rows.append((_words(proof), str(len(votes)), str(sum(votes))))
    return "Reviews", ("purchase", "number", "useful"), tuple(rows)


def reports_table(found: Iterable[str]) -> Told:
    """Return the table of reports of pages. found: the state of each."""
    counted = Counter(found)
    return "Reports of pages", ("state", "number"), tuple((state, str(counted[state])) for state in REPORTS)


def _words(name: str) -> str:
    return name.replace("_", " ")
