"""Hosts of shops: named, proved by a file, a meta tag or a DNS record that only the owner can place, unique."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from html.parser import HTMLParser
from uuid import UUID

import idna
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from marketplace.accounts import public, shops
from marketplace.accounts.models import ShopDomain
from marketplace.core import audit, fetch, ids, name_texts, tenancy
from marketplace.core.actor import Actor
from marketplace.core.config import Settings
from marketplace.core.errors import Conflict, IllegalTransition, InvalidInput, NotFound
from marketplace.core.fetch import Fetched

FILE_PATH = "/.well-known/aanrader.txt"
META_NAME = "aanrader-verification"
# A name of its own, because a host that is an alias (CNAME), as those of shop platforms are, can have no other record.
RECORD_LABEL = "_aanrader"
MOST_BYTES = 512 * 1024


class HostTaken(Conflict):
    """Another shop proved this host first."""

    code = "host_taken"
    title = "This host belongs to another shop"
    detail = "{host} was verified by another shop."
    next = "Ask us to look into it if the site is yours."


class ProofMissing(Conflict):
    """The site does not show the proof."""

    code = "proof_missing"
    title = "The proof is not there yet"
    detail = "We looked at {url} and found {found}."
    unchanged = "The domain is still not verified."
    next = "Place the proof as the instructions of the domain say and verify again."


def normalise_host(text: str, field: str = "host") -> str:
    """Return a bare host name as a lower-case A-label.

    Raises InvalidInput for an address, a port, user info, an IP address, a single label, or a name that IDNA
    refuses: only what can be proved and compared exactly is taken.
    """
    refused = InvalidInput({field: ["Give only a host name, such as www.example.nl."]})
    name = text.strip().removesuffix(".")
    if not name or len(name) > 253 or any(character in name for character in ":/\\@?#%[] \t"):
        raise refused
    try:
        host = idna.encode(name, uts46=True, std3_rules=True).decode("ascii").lower()
    except idna.IDNAError as error:
        raise refused from error
    labels = host.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or labels[-1].startswith("0x"):
        raise refused
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    raise refused


def add(session: Session, actor: Actor, shop_id: UUID, host: str, proof: str, now: dt.datetime) -> ShopDomain:
    """Name a host of a shop; naming it again keeps its token, may change the way of proof and undoes a withdrawal.

    proof: "file", "meta" or "dns". Raises InvalidInput, NotFound, OwnerNeeded, HostTaken.
    """
    shop = shops.owned_by(session, actor, shop_id)
    name = normalise_host(host)
    if _taken_by_other(session, name, shop.id):
        raise HostTaken(host=name)
    made = session.execute(
        insert(ShopDomain)
        .values(id=ids.new_id(), shop_id=shop.id, host=name, proof=proof, proof_token=ids.secret_token(24))
        .on_conflict_do_nothing(index_elements=[ShopDomain.shop_id, ShopDomain.host])
        .returning(ShopDomain.id)
    ).scalar()
    domain = session.scalars(
        select(ShopDomain).where(ShopDomain.shop_id == shop.id, ShopDomain.host == name)
    ).one()
    if domain.verified_at is None:
        domain.proof, domain.withdrawn_at = proof, None
    session.flush()
    if made is not None:
        _note(session, actor, domain, "add", now)
    return domain


def _taken_by_other(session: Session, host: str, shop_id: UUID) -> bool:
    return public.shop_of_host(session, host) not in (None, shop_id)


def get(session: Session, actor: Actor, domain_id: UUID) -> ShopDomain:
    """Return a host of a shop of the actor's. Raises NotFound."""
    domain = session.get(ShopDomain, domain_id)
    if domain is None or not (actor.is_platform or tenancy.works_for(actor, "domains.one", domain.shop_id)):
        raise NotFound("domain", domain_id)
    return domain


def listed(
    session: Session, actor: Actor, shop_id: UUID | None, after: UUID | None, limit: int
) -> Sequence[ShopDomain]:
    """Return up to `limit` hosts after an id, of one shop or of all that the actor may see; none withdrawn."""
    statement = select(ShopDomain).where(ShopDomain.withdrawn_at.is_(None))
    statement = statement.order_by(ShopDomain.id).limit(limit)
    if shop_id is not None:
        statement = statement.where(ShopDomain.shop_id == shops.seen_by(session, actor, shop_id).id)
    elif not actor.is_platform:
        statement = statement.where(tenancy.shops(actor, "domains.listed", ShopDomain.shop_id))
    if after is not None:
        statement = statement.where(ShopDomain.id > after)
    return session.scalars(statement).all()


def withdraw(session: Session, actor: Actor, domain_id: UUID, now: dt.datetime) -> ShopDomain:
    """Take back a host that waits for its proof; naming it again brings it back. Twice changes nothing.

    Raises NotFound, OwnerNeeded, IllegalTransition for a host that was proved: links lead there.
    """
    domain = _locked(session, actor, domain_id)
    if domain.verified_at is not None:
        raise IllegalTransition("The domain", was="verified", wanted="withdrawn")
    if domain.withdrawn_at is None:
        domain.withdrawn_at = now
        _note(session, actor, domain, "withdraw", now)
    return domain


def keep(session: Session, actor: Actor, domain_id: UUID, now: dt.datetime) -> ShopDomain:
    """Undo a withdrawal: the host waits again, with the token that it had. Raises NotFound, OwnerNeeded."""
    domain = _locked(session, actor, domain_id)
    if domain.withdrawn_at is not None:
        domain.withdrawn_at = None
        _note(session, actor, domain, "keep", now)
    return domain


def _locked(session: Session, actor: Actor, domain_id: UUID) -> ShopDomain:
    shops.refuse_staff(actor, get(session, actor, domain_id).shop_id)
    query = select(ShopDomain).where(ShopDomain.id == domain_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _note(session: Session, actor: Actor, domain: ShopDomain, act: str, now: dt.datetime) -> None:
    facts = {"host": domain.host}
    audit.record(
        session,
        actor,
        f"domain.{act}",
        "shop_domain",
        domain.id,
        facts,
        now=now,
        shop_id=domain.shop_id,
    )


def record_name(domain: ShopDomain) -> str:
    """Return the name whose TXT record proves a host."""
    return f"{RECORD_LABEL}.{domain.host}"


def proof_url(domain: ShopDomain, proof: str) -> str:
    """Return the address where the proof must be, for one way of proving; of a DNS record as RFC 4501 writes it."""
    if proof == "dns":
        return f"dns:{record_name(domain)}?type=TXT"
    return f"https://{domain.host}{FILE_PATH if proof == 'file' else '/'}"


def instructions(domain: ShopDomain) -> str:
    """Return one sentence that says what to place where."""
    url = proof_url(domain, domain.proof)
    if domain.proof == "dns":
        return f"Add a TXT record to your DNS with the name {record_name(domain)} and the text {domain.proof_token}"
    if domain.proof == "file":
        return f"Serve {url} as plain text with the line {domain.proof_token}"
    return f'Put <meta name="{META_NAME}" content="{domain.proof_token}"> into the head of {url}'


class _Head(HTMLParser):
    """Collects our meta tags of the head; what stands in the body was perhaps written by a visitor."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tokens: list[str] = []
        self.in_head = True
        self.in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take the content of our meta tag while the head lasts."""
        self.in_head = self.in_head and (tag in _HEAD_TAGS or self.in_title)
        # Browsers show what looks like a tag in a title as text, and shops put words of visitors into titles.
        self.in_title = self.in_title or tag == "title"
        values = dict(attrs)
        if (
            self.in_head
            and not self.in_title
            and tag == "meta"
            and (values.get("name") or "").lower() == META_NAME
        ):
            self.tokens.append((values.get("content") or "").strip())

    def handle_endtag(self, tag: str) -> None:
        """Notice the end of the head."""
        self.in_title = self.in_title and tag != "title"
        self.in_head = self.in_head and tag != "head"


_HEAD_TAGS = frozenset(
    {"html", "head", "meta", "title", "link", "script", "style", "base", "noscript", "template"}
)


def tokens_in(proof: str, body: bytes) -> list[str]:
    """Return the tokens that a fetched file or page shows; bytes that are no UTF-8 are no token."""
    text = body.decode("utf-8", "replace")
    if proof == "meta":
        head = _Head()
        head.feed(text)
        return head.tokens
    return [line.strip() for line in text.splitlines()[:50] if line.strip()]


def tokens_of(fetched: Fetched, host: str, proof: str) -> list[str]:
    """Return the tokens of an answer of that very host; an error page or another host shows none."""
    return tokens_in(proof, fetched.body) if fetched.status == 200 and fetched.host == host else []


def tokens_there(domain: ShopDomain, proof: str, settings: Settings) -> list[str]:
    """Look at the site, or at its DNS, now and return the tokens that it shows. Never inside a transaction.

    Raises fetch.FetchRefused, fetch.FetchFailed and name_texts.NamesUnanswered.
    """
    if proof == "dns":
        return [text.strip() for text in name_texts.texts(record_name(domain), settings)]
    return tokens_of(fetch.get(proof_url(domain, proof), settings, MOST_BYTES), domain.host, proof)


def record_proof(
    session: Session, actor: Actor, domain_id: UUID, proof: str, tokens: Sequence[str], now: dt.datetime
) -> ShopDomain:
    """Verify a host when its token is among those found there; the shop's first verified host makes it live.

    proof: the way that was looked at; tokens: what `tokens_there` read, outside any transaction.
    Raises NotFound, OwnerNeeded, IllegalTransition for one that was withdrawn, ProofMissing, HostTaken when another
    shop was first.
    """
    domain = _locked(session, actor, domain_id)
    shop = shops.owned_by(session, actor, domain.shop_id)
    if domain.verified_at is not None:
        return domain
    if domain.withdrawn_at is not None:
        raise IllegalTransition("The domain", was="withdrawn", wanted="verified")
    if domain.proof_token not in tokens:
        found = "nothing of ours" if not tokens else f"another token ({tokens[0][:60]!r})"
        raise ProofMissing(url=proof_url(domain, proof), found=found)
    try:
        with session.begin_nested():
            domain.verified_at, domain.proof = now, proof
    except IntegrityError as error:
        raise HostTaken(host=domain.host) from error
    if shop.state == "draft":
        shop.state = "live"
    _note(session, actor, domain, "verify", now)
    return domain
