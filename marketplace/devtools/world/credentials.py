"""What the advisers of the demo world advise on, and what they bring forward for being what they say they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence that an adviser states: a sentence, a public address where there is one, and how it is decided.

    decided: verify or refuse (by the platform), confirm or deny (by the shop), or wait; reason: why not.
    """

    statement: str
    decided: str
    link: str | None = None
    reason: str | None = None


PROOFS = {
    "bram": Proof("SCA-gecertificeerd baristatrainer sinds 2013, eigen school in Nijmegen", "verify"),
    "ruben": Proof("UIMLA-wandelgids, licentienummer bij de Nederlandse tak op te vragen", "verify"),
    "hanneke": Proof("Dertig jaar collectiehoofd jeugd bij een Drentse bibliotheek", "verify"),
    "yara": Proof("Leerkracht met de opleiding tot leescoordinator", "verify"),
    "lieke": Proof(
        "Mijn podcast over lopen, met mijn naam en gezicht", "verify", "https://liekeloopt.example/podcast"
    ),
    "tobias": Proof("Mijn portfolio als illustrator", "wait", "https://tobiasoost.example/werk"),
    "noor": Proof("Mijn eigen bestelling; vraag de winkel maar", "confirm"),
    "gerard": Proof("De molen die ik heb nagemeten kocht ik zelf", "confirm"),
    "meilin": Proof("De kopjes op mijn foto's komen uit deze bestelling", "confirm"),
    "wesley": Proof(
        "Deze bestelling is van mij", "deny", reason="Deze bestelling staat op naam van iemand anders."
    ),
    "fenna": Proof("Ik beheer vier appgroepen van ouders die ik allemaal ken", "verify"),
    "daan": Proof(
        "Mijn wandelgroep van de derde zondag",
        "refuse",
        reason="Een openbare groep van driehonderd onbekenden is geen kring van bekenden.",
    ),
}
TOPICS = {
    "bram": ("espresso", "filterkoffie", "molens"),
    "noor": ("huishouden", "koffie", "kinderboeken"),
    "ruben": ("bergschoenen", "hutten", "paklijsten"),
    "hanneke": ("voorlezen", "leeftijdslijsten", "schoolbibliotheek"),
    "yara": ("leren lezen", "meertaligheid"),
    "lieke": ("lange tochten", "alleen reizen"),
    "tobias": ("prentenboeken", "illustratie"),
    "gerard": ("metingen", "molens", "rugzakken"),
    "meilin": ("servies", "prentenboeken"),
    "wesley": ("kortingen",),
    "fenna": ("cadeaus", "kinderboeken"),
    "daan": ("dagtochten", "lenen"),
}
