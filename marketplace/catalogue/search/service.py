"""Find published products by words: a full-text leg in Dutch and English, then a leg for typos and parts of words.

Everybody finds the same: products that are not retired, of shops that are live. Ranked by how well words match (titles
before brands and codes, then categories, then descriptions), to a tenth; then a title, brand or code that is exactly
what was asked, then in stock, then newest. What anybody earns by it plays no part.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.orm import Session

from marketplace.catalogue.folding import MOST_ASKED, asked_words
from marketplace.catalogue.indexing import category_keys
from marketplace.catalogue.models import Product
from marketplace.catalogue.search import words
from marketplace.core import db

# How many hits are ranked at all, how deep pages go, and how few hits of the first leg call for the second.
MOST_RANKED, DEEPEST, FEW = 1000, 1000, 5
_MOST_STEMS = 20_000
Matched = Literal["words", "similar"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody looks for. low, high: minor units of `money`; stocked: in stock only (or only not); skip: 0 to
    DEEPEST hits that were shown already; language: nl or en to look at that one only.
    """

    question: str = ""
    language: str | None = None
    category: str | None = None
    shop_id: uuid.UUID | None = None
    money: str | None = None
    low: int | None = None
    high: int | None = None
    stocked: bool | None = None
    skip: int = 0
    take: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """A product that was found, and by what: the words themselves, or words like them."""

    product: Product
    matched: Matched


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits. total: how many there are, at most MOST_RANKED; None when nothing was asked. more: there is a
    next page. did_you_mean: the question in words that products are called by, when it had others.
    """

    hits: list[Hit]
    more: bool
    total: int | None = None
    did_you_mean: str | None = None
    shops: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Leg:
    ids: list[uuid.UUID]
    total: int
    shops: Mapping[str, int]
    categories: Mapping[str, int]


_NONE = _Leg([], 0, {}, {})


def find(wish: Wish) -> Found:
    """Return published products for a wish; the same for everybody, whoever asks. Never raises for any question."""
    # A public page shows everybody the same, whoever is signed in.
    with db.use_scope(db.NOBODY), db.session() as session:
        asked = asked_words(wish.question)
        keys = category_keys(wish.category or "")[-1:]
        if not asked and not keys:
            # Something was asked, but no word: emoji, signs.
            ids = _newest(session, wish) if not wish.question.strip() else []
            return Found(_loaded(session, ids[: wish.take], set()), len(ids) > wish.take)
        return _by_words(session, wish, asked, keys)


def _by_words(session: Session, wish: Wish, asked: list[str], keys: list[str]) -> Found:
    stems = _stems(session, asked)
    query = words.query_of(asked, stems, language=wish.language)
    titled = words.query_of(asked, stems, language=wish.language, mark="T")
    last = wish.skip + wish.take + 1
    first = _leg(session, wish, _with(query, keys), _with(titled, keys), query, wish.skip, wish.take + 1)
    if first.total >= FEW or not asked:
        more = len(first.ids) > wish.take and wish.skip + wish.take < DEEPEST
        hits = _loaded(session, first.ids[: wish.take], set())
        return Found(hits, more, first.total, None, first.shops, first.categories)
    if wish.skip:
        first = _leg(session, wish, _with(query, keys), _with(titled, keys), query, 0, FEW)
    wider, meant = _wider(session, asked, stems)
    second = _NONE
    if wider:
        second = _leg(session, wish, _with(wider[0], keys), _with(wider[1], keys), wider[0], 0, last + FEW)
    like = [one for one in second.ids if one not in set(first.ids)]
    ids = (first.ids + like)[wish.skip : last]
    more = len(ids) > wish.take and wish.skip + wish.take < DEEPEST
    hits = _loaded(session, ids[: wish.take], set(like))
    counted = second if second.total > first.total else first
    did_you_mean = meant if second.total > first.total else None
    return Found(hits, more, counted.total, did_you_mean, counted.shops, counted.categories)


def _with(query: str, keys: Sequence[str]) -> str:
    return " & ".join(part for part in (query, *(words.quoted(key) for key in keys)) if part)


_SEARCH = sa.text(
    "SELECT product_search(:asked, :titled, :ranked, :exact, :shop, :money, :low, :high, :stocked, :most, :skip, :take)"
).bindparams(
    sa.bindparam("asked", type_=TSQUERY),
    sa.bindparam("titled", type_=TSQUERY),
    sa.bindparam("ranked", type_=TSQUERY),
    sa.bindparam("shop", type_=sa.Uuid()),
    sa.bindparam("exact", type_=sa.Text()),
    sa.bindparam("money", type_=sa.Text()),
    sa.bindparam("low", type_=sa.BigInteger()),
    sa.bindparam("high", type_=sa.BigInteger()),
    sa.bindparam("stocked", type_=sa.Boolean()),
)


def _leg(session: Session, wish: Wish, asked: str, titled: str, ranked: str, skip: int, take: int) -> _Leg:
    answer = session.execute(
        _SEARCH,
        {
            "asked": asked,
            "titled": titled,
            "ranked": ranked,
            "exact": wish.question.replace("\x00", "").strip().lower()[:MOST_ASKED],
            "most": MOST_RANKED,
            "skip": skip,
            "take": take,
            **_limits(wish),
        },
    ).scalar_one()
    ids = [uuid.UUID(one) for one in answer["hits"] or ()]
    return _Leg(ids, answer["total"], answer["shops"] or {}, answer["categories"] or {})


def _limits(wish: Wish) -> dict[str, object]:
    return {
        "shop": wish.shop_id,
        "money": wish.money,
        "low": wish.low,
        "high": wish.high,
        "stocked": wish.stocked,
    }


_NEWEST = sa.text(
    "SELECT id FROM product_newest(:shop, :money, :low, :high, :stocked, :most, :skip, :take)"
).bindparams(
    sa.bindparam("shop", type_=sa.Uuid()),
    sa.bindparam("money", type_=sa.Text()),
    sa.bindparam("low", type_=sa.BigInteger()),
    sa.bindparam("high", type_=sa.BigInteger()),
    sa.bindparam("stocked", type_=sa.Boolean()),
)


def _newest(session: Session, wish: Wish) -> list[uuid.UUID]:
    asked = {"most": 5 * MOST_RANKED, "skip": wish.skip, "take": wish.take + 1}
    return list(session.scalars(_NEWEST, asked | _limits(wish)))


def _loaded(session: Session, ids: Sequence[uuid.UUID], like: set[uuid.UUID]) -> list[Hit]:
    """Return the products of ids in their order; one that was retired meanwhile is left out."""
    if not ids:
        return []
    rows = {product.id: product for product in session.scalars(sa.select(Product).where(Product.id.in_(ids)))}
    return [Hit(rows[one], "similar" if one in like else "words") for one in ids if one in rows]


_stemmed: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
_LEXIZE = sa.text(
    "SELECT w, ts_lexize('pg_catalog.dutch_stem', w), ts_lexize('pg_catalog.english_stem', w) FROM unnest(:asked) AS w"
).bindparams(sa.bindparam("asked", type_=ARRAY(sa.Text())))


def _stems(session: Session, asked: Sequence[str]) -> words.Stems:
    """Return Dutch and English lexemes of words; they never change, so this process keeps them."""
    unknown = [word for word in asked if word not in _stemmed]
    if unknown:
        if len(_stemmed) > _MOST_STEMS:
            _stemmed.clear()
        for word, dutch, english in session.execute(_LEXIZE, {"asked": unknown}):
            _stemmed[word] = (tuple(dutch or ()), tuple(english or ()))
    return {word: _stemmed.get(word, ((word,), (word,))) for word in asked}


_SIMILAR = sa.text(
    "SELECT question, word, likeness, is_part FROM product_similar_words(:asked, :turned)"
).bindparams(sa.bindparam("asked", type_=ARRAY(sa.Text())), sa.bindparam("turned", type_=ARRAY(sa.Text())))


def _wider(
    session: Session, asked: list[str], stems: words.Stems
) -> tuple[tuple[str, str] | None, str | None]:
    """Return the question with words that hold or resemble the asked ones (for everything, and for titles), and the
    question as it was probably meant. None when no word has any such.
    """
    told = [word for word in asked if all(stems[word])]
    turned = {word: words.turned(word) for word in told}
    rows = session.execute(
        _SIMILAR, {"asked": told, "turned": [one for forms in turned.values() for one in forms]}
    ).all()
    known = {row.word for row in rows if row.question == row.word}
    meant, wider, near_any = [], [], False
    for word in told:
        near = [row for row in rows if row.question == word and row.word != word]
        parts = [row.word for row in near if row.is_part]
        # A word that products are called by is not taken for another one; parts of words are looked into all the same.
        close = [] if word in known else [one for one in turned[word] if one in known]
        if word not in known:
            like = [
                (words.distance(word, row.word), -row.likeness, row.word) for row in near if not row.is_part
            ]
            close += [one for far, _, one in sorted(like) if far <= words.forgiven(word)]
        meant.append(close[0] if close and not parts else word)
        near_any = near_any or bool(parts or close)
        forms = dict.fromkeys((word, *stems[word][0], *stems[word][1], *parts, *close))
        wider.append(forms)
    if not near_any:
        return None, None
    queries = [
        " & ".join("(" + " | ".join(words.quoted(mark + form) for form in forms) + ")" for forms in wider)
        for mark in ("", "T")
    ]
    return (queries[0], queries[1]), " ".join(meant) if meant != told else None
