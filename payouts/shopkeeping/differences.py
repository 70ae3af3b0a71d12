"""What changes between two versions of terms, in words."""

from __future__ import annotations

from marketplace.core import formats
from marketplace.core.wording import _, ngettext
from marketplace.offers.rates import Excluded, Flat, Percent, Rate
from marketplace.offers.terms import Terms

# (name, before, after); before or after is empty where there is none.
Change = tuple[str, str, str]


def rate_words(rate: Rate | Excluded) -> str:
    """Return a rate as people say it."""
    match rate:
        case Percent(bp):
            return formats.rate(bp)
        case Flat(amount, "item"):
            return _("%(amount)s per item", amount=formats.money(amount))
        case Flat(amount, _per):
            return _("%(amount)s per order", amount=formats.money(amount))
    return _("nothing")


def words(terms: Terms) -> dict[str, str]:
    """Return every promise of a version by its name, in the order in which it is shown."""
    counts = [
        name
        for name, is_in in (
            (_("VAT"), terms.base.tax),
            (_("shipping"), terms.base.shipping),
            (_("gift cards"), terms.base.gift_cards),
        )
        if is_in
    ]
    window, hold = terms.window.days, terms.hold.days
    found = {_("Rate"): rate_words(terms.default)}
    found |= {
        str(rule.category or _("Product %(sku)s", sku=rule.sku)): rate_words(rule.outcome)
        for rule in terms.rules
    }
    return found | {
        _("Counts beside the price without VAT"): ", ".join(counts) or _("nothing"),
        _("At least per order"): formats.money(terms.minimum) if terms.minimum else _("nothing set"),
        _("At most per order"): formats.money(terms.maximum) if terms.maximum else _("nothing set"),
        _("Window"): ngettext("%(num)s day after a click", "%(num)s days after a click", window)
        % {"num": window},
        _("On hold"): ngettext("%(num)s day", "%(num)s days", hold) % {"num": hold},
        _("People of your own shop"): _("earn too") if terms.own_shop else _("earn nothing"),
    }


def between(before: Terms, after: Terms) -> list[Change]:
    """Return what differs, in the order in which terms are shown."""
    was, becomes = words(before), words(after)
    names = list(becomes) + [name for name in was if name not in becomes]
    return [
        (name, was.get(name, ""), becomes.get(name, ""))
        for name in names
        if was.get(name) != becomes.get(name)
    ]
