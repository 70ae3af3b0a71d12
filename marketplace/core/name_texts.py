"""Reading TXT records of the DNS, from the machine's own resolver or from the one that the settings name."""

from __future__ import annotations

import dns.exception
import dns.resolver

from marketplace.core.config import Settings
from marketplace.core.errors import AppError

DEADLINE = 5
MOST = 50


class NamesUnanswered(AppError):
    """Whether there is a record is not known: no name server gave an answer in time."""

    status = 422
    code = "names_unanswered"
    title = "The name servers gave no answer"
    detail = "We asked for the TXT record of {name}: {reason}."
    next = "Try again in a minute. If it stays so, look at the name servers of your domain."


def texts(name: str, settings: Settings) -> list[str]:
    """Return the texts of the TXT records of a name, the first 50 of them; none where there is no such record.

    name: in full, as A-labels, which is asked for as it stands and never below a domain of ours. Must not be called
    inside a transaction: it waits for strangers, up to five seconds. Raises NamesUnanswered.
    """
    try:
        found = _resolver(settings).resolve(f"{name}.", "TXT", lifetime=DEADLINE, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise NamesUnanswered(name=name, reason=type(error).__name__) from error
    # A long text comes in pieces of 255 bytes, which belong together (RFC 7208, 3.3).
    return [b"".join(row.strings).decode("utf-8", "replace") for row in list(found)[:MOST]]


def _resolver(settings: Settings) -> dns.resolver.Resolver:
    if not settings.dns_server:
        return dns.resolver.Resolver()
    address, _, port = settings.dns_server.rpartition(":")
    asked = dns.resolver.Resolver(configure=False)
    asked.nameservers, asked.port = [address], int(port)
    return asked
