"""What machines read of a page (schema.org as JSON-LD): only what stands on the page too.

A product that one can't buy here is a snippet with a review by a person, never a merchant's listing with a rating.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from marketplace.advice import markup
from marketplace.community.showing import Face


def of_page(face: Face, base: str) -> Markup:
    """Return the JSON-LD of an advice page; base: the address of this site."""
    address = f"{base}/a/{face.page.slug}"
    person = {
        "@type": "Person",
        "name": face.adviser["display_name"],
        "url": f"{base}/@{face.adviser['code']}",
    }
    products = [_product(card, face, person) for card in face.cards]
    graph: list[dict[str, Any]] = [
        {
            "@type": "Article",
            "headline": face.document["title"],
            "description": face.document["verdict"],
            "inLanguage": face.document["language"],
            "author": person,
            "datePublished": face.page.published_at.isoformat() if face.page.published_at else None,
            "dateModified": face.page.updated_at.isoformat(),
            "mainEntityOfPage": address,
        },
        _crumbs(face, base, address),
    ]
    if len(products) > 1:
        listed = [
            {"@type": "ListItem", "position": n, "item": one} for n, one in enumerate(products, start=1)
        ]
        graph.append({"@type": "ItemList", "name": face.document["title"], "itemListElement": listed})
    else:
        graph += products
    if asked := [one for one in face.questions if one["answers"]]:
        graph.append(
            {"@type": "QAPage", "url": f"{address}#questions", "mainEntity": [_asked(one) for one in asked]}
        )
    return script({"@context": "https://schema.org", "@graph": graph})


def script(data: Mapping[str, Any]) -> Markup:
    """Return data as a block that no browser runs and no text can break out of."""
    text = json.dumps(data, ensure_ascii=False, default=str)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup('<script type="application/ld+json">{}</script>').format(Markup(text))  # noqa: S704 - escaped above.


def _product(card: Mapping[str, Any], face: Face, person: Mapping[str, Any]) -> dict[str, Any]:
    review: dict[str, Any] = {
        "@type": "Review",
        "author": person,
        "reviewBody": markup.plain(str(card["why"].striptags())),
        "datePublished": face.page.updated_at.date().isoformat(),
    }
    for name, notes in (("positiveNotes", card["plus"]), ("negativeNotes", card["minus"])):
        if notes:
            listed = [
                {"@type": "ListItem", "position": n, "name": text} for n, text in enumerate(notes, start=1)
            ]
            review[name] = {"@type": "ItemList", "itemListElement": listed}
    return {"@type": "Product", "name": card["name"], "review": review}


def _crumbs(face: Face, base: str, address: str) -> dict[str, Any]:
    steps = [("Aanrader", f"{base}/"), *((topic, f"{base}/topics/{topic}") for topic in face.page.topics[:1])]
    steps.append((face.document["title"], address))
    listed = [
        {"@type": "ListItem", "position": n, "name": name, "item": where}
        for n, (name, where) in enumerate(steps, start=1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": listed}


def _asked(one: Mapping[str, Any]) -> dict[str, Any]:
    question, answers = one["question"], one["answers"]
    told = [
        {
            "@type": "Answer",
            "text": answer["body"],
            "dateCreated": answer["answered_at"].isoformat(),
            "author": {
                "@type": "Person" if answer["by_role"] == "adviser" else "Organization",
                "name": answer["name"],
            },
        }
        for answer in answers
    ]
    return {
        "@type": "Question",
        "name": question.body,
        "answerCount": len(told),
        "dateCreated": question.asked_at.isoformat(),
        "acceptedAnswer": told[0],
    }
