"""The five kinds of influence as data: what counts as evidence, the badge, what readers are told, what may be earned.

The four relations are the classes of influencerregels.com (paid, received, affiliate, bought oneself); in the
Netherlands the relation must be clear in the utterance itself, in the United States clear, conspicuous, near the claim
and in its language. The texts are ours. Weights are defaults for models that share an order among roles, a judgement
of ours until a shop sets its own; they add up to 10,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LANGUAGES = ("nl", "en")
RELATIONS = ("paid", "received", "affiliate", "own_purchase", "aggregate")
REWARDS = ("commission", "flat_amount", "bonus", "answer_fee", "product", "both_sides")
# Below this many independent ratings, orders or answers the crowd says nothing: fewer could be told apart.
CROWD_AT_LEAST = 5
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What stands beside advice of one relation, by language: a label that comes first, and the sentence."""

    label: Texts
    text: Texts


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of influence.

    verified_by: who decides about evidence (admin, shop), or `computed`. valid_days: how long verified evidence counts,
    None for ever. weight_bp: basis points. An adviser is of a kind that is a person.
    """

    name: str
    is_person: bool
    evidence: str
    evidence_wanted: Texts
    verified_by: str
    valid_days: int | None
    badge: Texts
    disclosures: Mapping[str, Disclosure]
    rewards: tuple[str, ...]
    weight_bp: int
    report_line: Texts
    at_least: int | None = None


def _texts(nl: str, en: str) -> Texts:
    return MappingProxyType({"nl": nl, "en": en})


PAID = Disclosure(
    _texts("Reclame, betaald", "Ad, paid"),
    _texts("Ik word door deze winkel betaald voor dit advies.", "This shop pays me for this advice."),
)
RECEIVED = Disclosure(
    _texts("Reclame, gekregen", "Ad, gifted"),
    _texts("Ik kreeg dit product van de winkel.", "The shop gave me this product."),
)
AFFILIATE = Disclosure(
    _texts("Reclame, ik krijg een deel", "Ad, I earn a share"),
    _texts(
        "Koop je via mij, dan krijg ik een deel van wat de winkel verdient. Jij betaalt niets extra.",
        "If you buy through me, I earn a share of the sale. You pay nothing extra.",
    ),
)
OWN_PURCHASE = Disclosure(
    _texts("Zelf gekocht", "Bought it myself"),
    _texts(
        "Ik kocht dit zelf en krijg er niets voor.", "I bought this myself and get nothing for saying so."
    ),
)
AFFILIATE_USER = Disclosure(
    AFFILIATE.label,
    _texts(
        "Ik kocht dit zelf. Koop je via mij, dan krijg ik een deel van wat de winkel verdient.",
        "I bought this myself. If you buy through me, I earn a share of the sale.",
    ),
)
AFFILIATE_FRIEND = Disclosure(
    _texts("Reclame, wij krijgen allebei iets", "Ad, we both get something"),
    _texts(
        "Koop je via mij, dan krijgen we allebei iets van de winkel.",
        "If you buy through me, the shop gives something to both of us.",
    ),
)
AGGREGATE = Disclosure(
    _texts("Van veel kopers samen", "From many buyers together"),
    _texts(
        "Opgeteld uit minstens {at_least} losse oordelen, bestellingen of antwoorden. Niemand wordt ervoor betaald.",
        "This adds up at least {at_least} independent ratings, orders or answers. Nobody is paid for it.",
    ),
)


def _disclosures(**told: Disclosure) -> Mapping[str, Disclosure]:
    return MappingProxyType(told)


# Whoever advises for what they know or who they are may stand in any of the four relations.
OF_KNOWN_PEOPLE = _disclosures(paid=PAID, received=RECEIVED, affiliate=AFFILIATE, own_purchase=OWN_PURCHASE)

EXPERT = Kind(
    name="expert",
    is_person=True,
    evidence="credential",
    evidence_wanted=_texts(
        "Een diploma, beroep of vak dat je noemt en wij nagaan.",
        "A diploma, profession or trade that you state and we check.",
    ),
    verified_by="admin",
    valid_days=730,
    badge=_texts("Vakkundig, nagegaan", "Expert, checked"),
    disclosures=OF_KNOWN_PEOPLE,
    rewards=("commission", "flat_amount", "bonus", "answer_fee", "product"),
    weight_bp=3000,
    report_line=_texts("Door vakmensen", "By experts"),
)
CELEBRITY = Kind(
    name="celebrity",
    is_person=True,
    evidence="public_profile",
    evidence_wanted=_texts(
        "Een openbaar profiel dat van jou is; wij gaan dat na.",
        "A public profile that is yours; we check that.",
    ),
    verified_by="admin",
    valid_days=365,
    badge=_texts("Bekend, profiel nagegaan", "Known, profile checked"),
    disclosures=OF_KNOWN_PEOPLE,
    rewards=("commission", "flat_amount", "bonus", "product"),
    weight_bp=1500,
    report_line=_texts("Door bekende mensen", "By celebrities"),
)
USER = Kind(
    name="user",
    is_person=True,
    evidence="purchase",
    evidence_wanted=_texts(
        "Een bestelling die de winkel bevestigt, met jouw toestemming.",
        "An order that the shop confirms, with your consent.",
    ),
    verified_by="shop",
    valid_days=None,
    badge=_texts("Koper, bevestigd", "Buyer, confirmed"),
    disclosures=_disclosures(
        paid=PAID, received=RECEIVED, affiliate=AFFILIATE_USER, own_purchase=OWN_PURCHASE
    ),
    rewards=("commission", "answer_fee", "product"),
    weight_bp=2500,
    report_line=_texts("Door gewone kopers", "By buyers"),
)
CROWD = Kind(
    name="crowd",
    is_person=False,
    evidence="aggregate",
    evidence_wanted=_texts(
        "Minstens {at_least} onafhankelijke oordelen, bestellingen of antwoorden; nooit een persoon.",
        "At least {at_least} independent ratings, orders or answers; never a person.",
    ),
    verified_by="computed",
    valid_days=None,
    badge=_texts("Samen weten we meer", "Together we know more"),
    disclosures=_disclosures(aggregate=AGGREGATE),
    rewards=(),
    weight_bp=1000,
    report_line=_texts("Door iedereen samen", "By the crowd"),
    at_least=CROWD_AT_LEAST,
)
FRIEND = Kind(
    name="friend",
    is_person=True,
    evidence="personal_share",
    evidence_wanted=_texts(
        "Dat je persoonlijk deelt met mensen die je kent; wij gaan dat na.",
        "That you share in person with people you know; we check that.",
    ),
    verified_by="admin",
    valid_days=365,
    badge=_texts("Deelt met vrienden", "Shares with friends"),
    disclosures=_disclosures(affiliate=AFFILIATE_FRIEND, own_purchase=OWN_PURCHASE),
    rewards=("both_sides",),
    weight_bp=2000,
    report_line=_texts("Door vrienden", "By friends"),
)
KINDS = MappingProxyType({kind.name: kind for kind in (EXPERT, CELEBRITY, USER, CROWD, FRIEND)})


def filled(texts: Texts, kind: Kind) -> dict[str, str]:
    """Return texts with the number that a kind asks for put in."""
    return {language: text.format(at_least=kind.at_least) for language, text in texts.items()}


def crowd_speaks(independent: int) -> bool:
    """Tell whether that many independent voices are enough to be called a crowd."""
    return independent >= CROWD_AT_LEAST
