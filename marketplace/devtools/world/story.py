"""The stories of the demo world: what happens on fixed days to people with names, whatever else is drawn."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

from marketplace.devtools.world import events
from marketplace.devtools.world.credentials import PROOFS, Proof
from marketplace.devtools.world.diary import LAST_DAY, Diary, Sale, sellable
from marketplace.devtools.world.events import (
    Bank,
    EndCode,
    Fund,
    GiveCode,
    Join,
    Leave,
    Link,
    MoveOffer,
    NewTerms,
)
from marketplace.devtools.world.people import Adviser
from marketplace.devtools.world.shops import product

DAYS = LAST_DAY
OPENING, RUN_DAYS = 1, (48, 86)
STAN, KEES = "c-0001", "c-0002"
# They appear in the stories only, so that nothing drawn by chance comes between.
_GUESTS = ("c-0003", "c-0009", "c-0014", "c-0018", "c-0023", "c-0027", "c-0030", "c-0033")
CAST = frozenset((STAN, KEES, *_GUESTS))
# Advisers about whom there is a story and nothing else.
STORY_ONLY = frozenset(("wesley", "gerard"))
CODES = {"coffee": ["NOOR10"], "hiking": ["RUBENPAD"], "books": ["VOORLEES"]}
LEAKED = "LIEKE10"
HIJACKER, LEAVER, REFUSED = "wesley", "gerard", "ruben"
TERMS_DAY, NOTICE_DAYS = 40, 7
LEAVES_ON, PAUSED_ON, REOPENED_ON = 50, 60, 70
_GIVEN = (
    ("NOOR10", "noor", "coffee:0"), ("RUBENPAD", "ruben", "hiking:0"), ("VOORLEES", "hanneke", "books:0"),
    (LEAKED, "lieke", "hiking:0"), ("@bram", "bram", "coffee:0"), ("@ruben", "ruben", "hiking:0"),
    ("@hanneke", "hanneke", "books:0"),
)  # fmt: skip
# Two budgets run out: Bergkoffie's is filled again in time, Uilenkaft's is not.
_FUNDED = (
    (OPENING, "coffee", 250), (OPENING, "hiking", 500), (OPENING, "books", 110), (43, "coffee", 400), (46, "books", 40),
)  # fmt: skip


def goods(shop: str, low: int, high: int, number: int = 0) -> str:
    """Return the SKU of a product in stock that costs between two amounts; `number` chooses among them."""
    found = [sku for sku in sellable(shop) if (one := product(sku)) is not None and low <= one.price <= high]
    return found[number % len(found)]


def tell(diary: Diary, advisers: tuple[Adviser, ...]) -> None:
    """Write all stories into a diary."""
    _furnish(diary, advisers)
    _proofs(diary, advisers)
    _stan_and_kees(diary)
    _returns(diary)
    _hijack(diary)
    _stores(diary)
    _terms(diary)
    _leaver(diary)
    _pause(diary)
    _odds_and_ends(diary)
    _leak(diary)
    _declined(diary)
    _missed(diary)


def _furnish(diary: Diary, advisers: tuple[Adviser, ...]) -> None:
    for adviser in advisers:
        diary.note(*(Join(OPENING, adviser.key, offer) for offer in adviser.offers))
    for day in sorted({one.connects for one in advisers if one.connects is not None}):
        diary.note(events.Connect(day, tuple(one.key for one in advisers if one.connects == day)))
    diary.note(*(GiveCode(OPENING, code, adviser, offer) for code, adviser, offer in _GIVEN))
    diary.note(*(Fund(day, shop, Decimal(amount)) for day, shop, amount in _FUNDED))
    # The bank refuses the first payout of an adviser, who gives another account a week later.
    diary.note(Bank(RUN_DAYS[0] - 1, REFUSED, "refuse"), Bank(RUN_DAYS[0] + 8, REFUSED, "mend"))
    diary.note(*(events.PayOut(day, number) for number, day in enumerate(RUN_DAYS, 1)))
    diary.note(*(events.RefreshFeed(day, shop) for day in (30, 60) for shop in CODES))


def _proofs(diary: Diary, advisers: tuple[Adviser, ...]) -> None:
    """Advisers bring their evidence forward; platform and shops look at it, and not all of it holds."""
    for adviser in advisers:
        proof = PROOFS.get(adviser.key)
        if proof is None:
            continue
        if adviser.kind == "user":
            shop = adviser.offers[0].partition(":")[0]
            bought = diary.sell(
                2, shop, None, [(goods(shop, 20, 90, len(adviser.key)), 1)], story="adviser buys"
            )
            diary.later(partial(_purchase, adviser, proof, bought))
            verdict = events.Weigh(5, adviser.key, proof.decided, shop, proof.reason)
        else:
            diary.note(events.State(2, adviser.key, adviser.kind, proof.statement, proof.link))
            verdict = events.Weigh(4, adviser.key, proof.decided, None, proof.reason)
        if proof.decided != "wait":
            diary.note(verdict)


def _purchase(adviser: Adviser, proof: Proof, bought: Sale) -> events.State:
    return events.State(3, adviser.key, adviser.kind, proof.statement, None, bought.shop, bought.ref)


def _stan_and_kees(diary: Diary) -> None:
    """Stan reads three people over a week before he buys, and comes back; Kees needs nobody."""
    marks = [
        diary.click(6, STAN, Link("noor", "coffee:0", "BK-003", "reviews")),
        diary.click(9, STAN, Link("lieke", "coffee:0", None, "podcast")),
        diary.click(11, STAN, Link("bram", "coffee:0", "BK-005", "blog")),
    ]
    diary.sell(12, "coffee", STAN, [("BK-005", 1), ("BK-001", 2)], marks, story="stan")
    boots = goods("hiking", 120, 230)
    marks = [
        diary.click(25, STAN, Link("lieke", "hiking:0", boots, "instagram")),
        diary.click(31, STAN, Link("ruben", "hiking:0", boots, "newsletter")),
    ]
    diary.sell(33, "hiking", STAN, [(boots, 1), (goods("hiking", 10, 30), 2)], marks, story="stan")
    # Without a new click: the shop knows him, and what Bram wrote is not a month old.
    diary.sell(38, "coffee", STAN, [("BK-001", 2)], story="stan-again")
    for day, basket in (
        (8, [("BK-001", 1)]), (29, [("BK-002", 2)]), (57, [("BK-001", 1), ("BK-004", 1)]), (78, [("BK-001", 2)]),
    ):  # fmt: skip
        diary.sell(day, "coffee", KEES, basket, story="kees")


def _returns(diary: Diary) -> None:
    """Everything, a part, and something that was paid long ago come back; one return is reported before its order."""
    who = _GUESTS[0]
    mark = diary.click(13, who, Link("bram", "coffee:0", "BK-003", "youtube"))
    whole = diary.sell(15, "coffee", who, [("BK-003", 1), ("BK-004", 1)], [mark], story="full return")
    diary.give_all_back(20, whole)
    mark = diary.click(16, who, Link("bram", "coffee:0", "BK-003", "blog"))
    part = diary.sell(18, "coffee", who, [("BK-003", 2), ("BK-001", 3)], [mark], story="partial return")
    diary.give_back(24, part, 0, 1)
    late = diary.sell(19, "coffee", who, [("BK-004", 2)], [mark], story="return after payout")
    diary.give_all_back(60, late)
    early = diary.sell(52, "books", who, [(goods("books", 12, 30), 2)], story="refund before order")
    diary.give_back(51, early, 0, 1)


def _hijack(diary: Diary) -> None:
    """A browser button clicks seconds before orders: beside earlier advice it gets nothing, alone it does."""
    button = Link(HIJACKER, "coffee:0", None, "extension")
    for number, day in enumerate((16, 24, 37, 55, 73)):
        who, adviser = _GUESTS[1], ("bram", "noor")[number % 2]
        marks = [
            diary.click(day - 3, who, Link(adviser, "coffee:0", "BK-003")),
            diary.click(day, who, button, is_late=True),
        ]
        diary.sell(day, "coffee", who, [("BK-002", 2), ("BK-008", 1)], marks, story="hijacked")
    for day in (27, 66):
        who = _GUESTS[2]
        mark = diary.click(day, who, Link(HIJACKER, "hiking:0", None, "extension"), is_late=True)
        diary.sell(day, "hiking", who, [(goods("hiking", 60, 150), 1)], [mark], story="late click alone")


def _leak(diary: Diary) -> None:
    """A code gets onto a site of coupons; the shop ends it, and declines two sales of strangers."""
    sales = [
        diary.sell(
            31 + number, "hiking", None, [(goods("hiking", 40, 120, number), 1)], code=LEAKED, story="leaked code"
        )
        for number in range(6)
    ]  # fmt: skip
    diary.note(EndCode(37, LEAKED, "hiking"))
    diary.sell(38, "hiking", None, [(goods("hiking", 40, 120, 7), 1)], code=LEAKED, story="ended code")
    for sale in sales[3:5]:
        _judge(diary, 39, sale, "decline", "coupon_misuse")
    for day, verb, words in (
        (
            41,
            "open",
            "Ik heb deze code alleen aan mijn luisteraars gegeven. Dat iemand hem doorplakt is niet mijn werk.",
        ),
        (44, "reject", "Deze klant kwam van een kortingssite en heeft je podcast nooit gehoord."),
        (46, "escalate", "Dan vraag ik wie er kijkt waar de klant vandaan kwam."),
        (
            50,
            "decide",
            "The order came from a coupon site that the adviser has no part in; nobody was advised.",
        ),
    ):
        _dispute(diary, day, sales[3], "lieke", verb, words, outcome="shop")


def _stores(diary: Diary) -> None:
    """At the till somebody says six characters, and the adviser who sent them earns."""
    for shop, store, code, days in (
        ("coffee", "UTR1", "@bram", (10, 35, 62)), ("hiking", "DEV1", "@ruben", (17, 44)),
        ("books", "HAA1", "@hanneke", (21, 54, 80)),
    ):  # fmt: skip
        for number, day in enumerate(days):
            basket = [(goods(shop, 8, 60, 3 * number + 1), 1 + number)]
            diary.sell(day, shop, None, basket, code=code, channel="pos", store=store, story="store")


def _terms(diary: Diary) -> None:
    """New terms take effect in the middle; what was read before keeps the old ones."""
    diary.note(NewTerms(TERMS_DAY, "coffee:0"))
    who = _GUESTS[3]
    before = diary.click(45, who, Link("noor", "coffee:0", "BK-001", "reviews"))
    diary.sell(50, "coffee", who, [("BK-001", 4)], [before], story="old terms")
    after = diary.click(49, who, Link("noor", "coffee:0", "BK-001", "reviews"))
    diary.sell(53, "coffee", who, [("BK-001", 4)], [after], story="new terms")


def _leaver(diary: Diary) -> None:
    """An adviser stops: what was read before still earns, later clicks prove nothing, and a return leaves a debt."""
    who, link = _GUESTS[4], Link(LEAVER, "coffee:0", "BK-005", "reviews")
    first = diary.sell(14, "coffee", who, [("BK-005", 1)], [diary.click(12, who, link)], story="leaver")
    diary.sell(19, "coffee", who, [("BK-005", 1)], [diary.click(17, who, link)], story="leaver")
    diary.note(Leave(LEAVES_ON, LEAVER, "coffee:0"), Leave(LEAVES_ON, LEAVER, "hiking:0"))
    who = _GUESTS[5]
    before = diary.click(46, who, Link(LEAVER, "hiking:0", None, "reviews"))
    diary.sell(53, "hiking", who, [(goods("hiking", 60, 150, 2), 1)], [before], story="read before leaving")
    after = diary.click(54, who, Link(LEAVER, "coffee:0", None, "reviews"))
    diary.sell(56, "coffee", who, [("BK-008", 1)], [after], story="read after leaving")
    diary.give_all_back(70, first)


def _pause(diary: Diary) -> None:
    """Books for schools earn a flat amount; while the offer is paused its links lead on without credit."""
    who, link = _GUESTS[6], Link("hanneke", "books:1", None, "newsletter")
    basket = [(goods("books", 8, 30, number), 12) for number in range(3)]
    diary.sell(30, "books", who, basket, [diary.click(27, who, link)], story="school")
    diary.note(MoveOffer(PAUSED_ON, "books:1", "pause"), MoveOffer(REOPENED_ON, "books:1", "open"))
    who = _GUESTS[7]
    diary.sell(64, "books", who, basket, [diary.click(62, who, link)], story="paused offer")
    diary.sell(77, "books", who, basket, [diary.click(74, who, link)], story="school")


def _odds_and_ends(diary: Diary) -> None:
    """A cancelled order, one that grows, one approved early, and two tests that never reach the books."""
    who = _GUESTS[2]
    mark = diary.click(33, who, Link("meilin", "books:0", None, "pinterest"))
    gone = diary.sell(34, "books", who, [(goods("books", 15, 40), 3)], [mark], story="cancelled")
    diary.cancel(35, gone)
    mark = diary.click(38, who, Link("fenna", "books:0", None, "whatsapp"))
    grown = diary.sell(40, "books", who, [(goods("books", 10, 25), 1)], [mark], story="lines added")
    diary.add_lines(42, grown, [(goods("books", 10, 25, 1), 2)])
    mark = diary.click(71, who, Link("bram", "coffee:0", "BK-004", "blog"))
    soon = diary.sell(75, "coffee", who, [("BK-004", 2)], [mark], story="approved early")
    _judge(diary, 79, soon, "approve")
    for day in (5, 61):
        diary.sell(day, "coffee", None, [("BK-005", 1)], is_test=True, story="test")


def _declined(diary: Diary) -> None:
    """Two more sales are declined: the shop takes one back when asked, and says nothing about the other."""
    who = _GUESTS[3]
    mark = diary.click(18, who, Link("meilin", "coffee:0", "BK-003", "pinterest"))
    accepted = diary.sell(20, "coffee", who, [("BK-003", 1)], [mark], story="declined")
    _judge(diary, 22, accepted, "decline", "outside_terms")
    mark = diary.click(22, who, Link("yara", "books:0", None, "instagram"))
    silent = diary.sell(26, "books", who, [(goods("books", 15, 40, 2), 4)], [mark], story="declined")
    _judge(diary, 28, silent, "decline", "tracking_error")
    _dispute(
        diary, 24, accepted, "meilin", "open", "De molen staat gewoon in de voorwaarden; kijk je nog eens?"
    )
    _dispute(diary, 27, accepted, "meilin", "accept", "Je hebt gelijk, dit was onze vergissing.")
    _dispute(diary, 30, silent, "yara", "open", "De ouder liet mij de bevestiging zien, met mijn link erin.")


def _dispute(
    diary: Diary, day: int, sale: Sale, adviser: str, verb: str, words: str, outcome: str | None = None
) -> None:
    said_for = outcome if verb == "decide" else None
    diary.later(lambda: events.Dispute(day, sale.ref, sale.shop, adviser, verb, words, said_for))


def _judge(diary: Diary, day: int, sale: Sale, verb: str, reason: str | None = None) -> None:
    diary.later(lambda: events.Judge(day, sale.ref, sale.shop, verb, reason))


def _missed(diary: Diary) -> None:
    """Noor and Lieke claim purchases that nobody reported: the shop finds no sale for the one, the other waits."""
    words = "Mijn buurman kocht de waterkan na mijn stuk over filterkoffie; dit nummer stond op zijn bon."
    diary.note(events.Claim(58, "coffee", "noor", 10, words, "BK-20715", Decimal("64.50")))
    no = "Dit nummer heeft een cijfer te veel, en op die dag verkochten we geen waterkan."
    diary.note(events.RefuseClaim(61, "coffee", "BK-20715", "not_our_order", no))
    words = "Een luisteraar schreef me dat ze de handmolen bestelde via mijn link. Ze weet haar nummer niet."
    diary.note(events.Claim(84, "coffee", "lieke", 9, words, None, Decimal("89")))
