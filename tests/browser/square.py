"""What is said at the fair: an advice page, a draft, questions with and without an answer, a review and a report."""

from __future__ import annotations

from typing import Any

from tests.walk.town import Tenant

ASKED = [
    "Past deze tent ook op een rond plekje onder de bomen van de natuurcamping?",
    "Hoe zwaar is alles bij elkaar, dus met haringen en grondzeil erbij?",
]


def talk(tenant: Tenant) -> dict[str, str]:
    """Let people write, ask, review and report over the API; return the ids of what they made."""
    trade, anne = tenant.trade, tenant.trade.anne.bearer
    trade.execute("UPDATE shop SET state = 'live' WHERE id = :i", i=trade.world.shop_id)
    trade.execute(
        "UPDATE product SET seen_at = now() + interval '60 days' WHERE shop_id = :i", i=trade.world.shop_id
    )

    def write(method: str, path: str, body: Any, status: int) -> Any:
        return trade.call(method, path, body, status=status, bearer=anne)

    def say(path: str, body: Any) -> Any:
        answer = trade.app.test_client().post(f"/api/v1{path}", json=body)
        assert answer.status_code == 201, answer.get_json()
        return answer.get_json()

    card = {
        "id": "p1", "type": "product", "product_id": tenant.ids["product"], "offer_id": tenant.ids["offer"],
        "label": "Voor de meeste mensen", "why": "Staat in zes minuten en blijft droog.",
        "plus": ["Licht genoeg voor de trein"], "minus": ["Weinig plek voor bagage"],
        "for_whom": "Wie met zijn tweeen een paar nachten weg wil.", "obtained": "bought",
    }  # fmt: skip
    text = {"id": "t1", "type": "text", "text": "Ik sliep er **twaalf nachten** in, van april tot oktober."}
    page = {
        "kind": "best_for", "language": "nl", "title": "De beste lichte tent voor twee in het voorjaar",
        "verdict": "Neem deze, tenzij je met kinderen gaat.", "topics": ["kamperen"], "blocks": [text, card],
    }  # fmt: skip
    made = write("POST", "/advice-pages", page, 201)
    write("POST", f"/advice-pages/{made['page_id']}/publish", {"edit": made["edit"]}, 200)
    draft = write("POST", "/advice-pages", page | {"title": "Wat ik meeneem naar de hut"}, 201)
    first, second = (
        say(f"/questions/page/{made['page_id']}", {"body": one, "name": "Kees"}) for one in ASKED
    )
    answer = {"body": "Ja, als je de achterste scheerlijnen korter zet."}
    write("POST", f"/questions/{first['id']}/answers", answer, 201)
    review = {
        "stars": 4,
        "title": "Droge nachten",
        "body": "Droog gebleven in een nacht vol regen.",
        "name": "Stan de Boer",
    }
    say(f"/reviews/{tenant.ids['product']}", review)
    told = {"reason": "hidden_ad", "statement": "De prijs klopt volgens mij al weken niet meer."}
    say(f"/page-reports/page/{made['page_id']}", told)
    return {"advice": made["page_id"], "draft": draft["page_id"], "question": second["id"]}
