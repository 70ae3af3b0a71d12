"""Why a link or a code is not made, each with the next step."""

from __future__ import annotations

from marketplace.core.errors import Conflict, Forbidden, InvalidInput, NotFound


class HostUnknown(InvalidInput):
    """No shop here has proved that it owns the host of the pasted address."""

    code = "link_host_unknown"
    title = "No shop here sells at that address"
    next = "Paste the address of a product of a shop whose offer you accepted."

    def __init__(self, host: str) -> None:
        super().__init__({"url": [f"No shop here has {host} as its verified domain."]}, host=host)


class NoPartnership(InvalidInput):
    """The shop is here, but the adviser has not accepted an open offer of it."""

    code = "no_partnership"
    title = "You have no open offer of this shop"
    next = "Apply to an offer of the shop with POST /api/v1/partnerships and accept it once it is approved."

    def __init__(self, host: str, offer_ids: list[str]) -> None:
        sentence = f"You have accepted no open offer of the shop at {host}."
        if offer_ids:
            sentence += f" Open there: {', '.join(offer_ids)}."
        super().__init__({"url": [sentence]}, host=host, offers=offer_ids)


class SeveralOffers(InvalidInput):
    """More than one accepted offer fits, and terms differ, so the adviser chooses."""

    code = "several_offers"
    title = "Several of your offers fit"
    next = "Send the same request with the offer_id that you mean."

    def __init__(self, offer_ids: list[str]) -> None:
        super().__init__({"offer_id": [f"Choose one of {', '.join(offer_ids)}."]}, offers=offer_ids)


class ProductUnknown(NotFound):
    """The address is on the shop's own domain, but no product of its feed has it."""

    code = "product_unknown"
    title = "That is no product of the shop"
    detail = "No product in the feed of this shop has the page {id}."
    next = "Paste the address of a product page, not of a search or a category"

    def __init__(self, url: str, offer_link: str) -> None:
        super().__init__("product page", url, offer_link=offer_link)

    def problem(self) -> dict[str, object]:
        """Return the problem, with the adviser's own offer link as the other way."""
        other = self.facts["offer_link"]
        return super().problem() | {
            "next": self.next + (f", or use your offer link {other}." if other else ".")
        }


class ShopWithoutDomain(Conflict):
    """A link may lead only to a verified domain, and the shop has none yet."""

    code = "shop_without_domain"
    title = "The shop has no verified domain yet"
    detail = "Shop {shop_id} has verified no domain, so a link could lead nowhere."
    next = "Ask the shop to verify its domain, then accept again."


class AdviserNotActive(Forbidden):
    """A banned or closing adviser makes no new links."""

    code = "adviser_not_active"
    title = "Your adviser account is not active"
    detail = "Adviser {adviser_id} is {state}."
    next = "Contact us about your account."


class OfferLinkStays(Conflict):
    """The offer's own link lives as long as the partnership."""

    code = "offer_link_stays"
    title = "An offer's own link can't be switched off"
    detail = "Link {link_id} stands for the whole offer."
    next = "Leave the partnership to end it: POST /api/v1/partnerships/{id}/leave."


class LinkStaysOff(Conflict):
    """An admin switched the link off; only an admin switches it on."""

    code = "link_stays_off"
    title = "An admin switched this link off"
    detail = "Link {link_id} was switched off by an admin, so it is not yours to switch on."
    next = "Make another link, or ask us why it was switched off."


class CodeTaken(Conflict):
    """The code stands for somebody else at this shop now."""

    code = "code_taken"
    title = "The code is in use"
    detail = "Code {code} is in use at this shop for another adviser or offer."
    next = "Choose another code, or revoke that one first."


class PartnershipNotAccepted(Conflict):
    """Only an adviser who accepted the offer can have a code for it."""

    code = "partnership_not_accepted"
    title = "The adviser has not accepted this offer"
    detail = "Adviser {adviser_id} is {state} in offer {offer_id}."
    next = "Wait until the adviser has accepted the offer."
