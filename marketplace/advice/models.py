"""Tables of advice: a page, the draft that its adviser writes on, and each version that readers saw."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.core.db import Base, created_at, uuid_pk

STATES = ("draft", "published", "withdrawn", "taken_down")
KINDS = ("best_for", "what_i_use", "gift_list", "single", "comparison")
LANGUAGES = ("nl", "en")
_KIND = sa.text("kind IN ('best_for', 'what_i_use', 'gift_list', 'single', 'comparison')")
_LANGUAGE = sa.text("language IN ('nl', 'en')")


class AdvicePage(Base):
    """A page as readers find it: what its newest version says of itself, and whether it is there.

    `code` stands in tracked addresses as ?p=; `slug` in the page's own, from the first time it was published.
    """

    __tablename__ = "advice_page"
    __table_args__ = (
        sa.UniqueConstraint("code"),
        sa.UniqueConstraint("slug"),
        # Drafts, versions and what readers say of a page point at both, so that no adviser is given another's.
        sa.UniqueConstraint("id", "adviser_id"),
        sa.CheckConstraint("state IN ('draft', 'published', 'withdrawn', 'taken_down')", name="state"),
        sa.CheckConstraint(_KIND, name="kind"),
        sa.CheckConstraint(_LANGUAGE, name="language"),
        sa.CheckConstraint(
            "(version = 0) = (published_at IS NULL) AND (version = 0) = (slug IS NULL)"
            " AND (version = 0) = (state = 'draft') AND version >= 0",
            name="published",
        ),
        sa.Index("ix_advice_page_adviser_id_id", "adviser_id", "id"),
        sa.Index("ix_advice_page_topics", "topics", postgresql_using="gin"),
        sa.Index("ix_advice_page_product_ids", "product_ids", postgresql_using="gin"),
        sa.Index("ix_advice_page_shop_ids", "shop_ids", postgresql_using="gin"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    adviser_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("adviser.id"))
    code: Mapped[str]
    slug: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="draft")
    kind: Mapped[str]
    language: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    verdict: Mapped[str] = mapped_column(server_default="")
    topics: Mapped[list[str]] = mapped_column(ARRAY(sa.Text()), server_default="{}")
    product_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(sa.Uuid()), server_default="{}")
    shop_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(sa.Uuid()), server_default="{}")
    pays: Mapped[bool] = mapped_column(server_default=sa.false())
    picture_id: Mapped[uuid.UUID | None]
    # The same advice in the other language.
    twin_id: Mapped[uuid.UUID | None] = mapped_column(sa.ForeignKey("advice_page.id"))
    version: Mapped[int] = mapped_column(server_default="0")
    published_at: Mapped[dt.datetime | None]
    updated_at: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime] = created_at()


class AdviceDraft(Base):
    """What an adviser is writing; `edit` counts what was saved, so that a second window overwrites nothing."""

    __tablename__ = "advice_draft"
    __table_args__ = (
        sa.ForeignKeyConstraint(["page_id", "adviser_id"], ["advice_page.id", "advice_page.adviser_id"]),
        sa.CheckConstraint("edit >= 1", name="edit"),
        sa.CheckConstraint(_KIND, name="kind"),
        sa.CheckConstraint(_LANGUAGE, name="language"),
        sa.CheckConstraint("jsonb_typeof(blocks) = 'array'", name="blocks"),
    )

    page_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    adviser_id: Mapped[uuid.UUID]
    edit: Mapped[int] = mapped_column(server_default="1")
    kind: Mapped[str]
    language: Mapped[str]
    title: Mapped[str] = mapped_column(server_default="")
    verdict: Mapped[str] = mapped_column(server_default="")
    topics: Mapped[list[str]] = mapped_column(ARRAY(sa.Text()), server_default="{}")
    blocks: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    saved_at: Mapped[dt.datetime]


class AdviceVersion(Base):
    """What readers saw from an instant on, with its disclosure; never changed. `sha256` is of its canonical JSON."""

    __tablename__ = "advice_version"
    __table_args__ = (
        sa.UniqueConstraint("page_id", "number"),
        sa.ForeignKeyConstraint(["page_id", "adviser_id"], ["advice_page.id", "advice_page.adviser_id"]),
        sa.CheckConstraint("number >= 1", name="number"),
        sa.CheckConstraint("length(sha256) = 32", name="sha256"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    page_id: Mapped[uuid.UUID]
    adviser_id: Mapped[uuid.UUID]
    number: Mapped[int]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    sha256: Mapped[bytes] = mapped_column(sa.LargeBinary)
    published_at: Mapped[dt.datetime]
    created_at: Mapped[dt.datetime] = created_at()


class AdviceEvent(Base):
    """A step of a page with who took it; one by the platform says why."""

    __tablename__ = "advice_event"
    __table_args__ = (
        sa.UniqueConstraint("page_id", "n"),
        sa.ForeignKeyConstraint(["page_id", "adviser_id"], ["advice_page.id", "advice_page.adviser_id"]),
        sa.CheckConstraint("state IN ('published', 'withdrawn', 'taken_down')", name="state"),
        sa.CheckConstraint("by_role IN ('adviser', 'admin')", name="by_role"),
        sa.CheckConstraint("by_role <> 'admin' OR reason IS NOT NULL", name="reason"),
    )

    id: Mapped[uuid.UUID] = uuid_pk()
    page_id: Mapped[uuid.UUID]
    adviser_id: Mapped[uuid.UUID]
    n: Mapped[int]
    state: Mapped[str]
    version: Mapped[int]
    reason: Mapped[str | None]
    by_role: Mapped[str]
    by_user_id: Mapped[uuid.UUID] = mapped_column(sa.ForeignKey("user_account.id"))
    at: Mapped[dt.datetime]
    recorded_at: Mapped[dt.datetime] = created_at()
