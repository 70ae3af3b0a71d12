"""Advice pages with their drafts, versions and steps; and what everybody may know of shops and of who earns where.

Locks: SHARE ROW EXCLUSIVE on `adviser` and `user_account` for an instant, while foreign keys to them are made; the
tables are new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant
from migrations.row_security import adviser, either, enable, permit, person, role

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

ADMIN = role("admin")
LOOKING = role("finance", "admin", "watch")
KINDS = "('best_for', 'what_i_use', 'gift_list', 'single', 'comparison')"
TABLES = f"""
CREATE TABLE advice_page (
  id uuid NOT NULL CONSTRAINT pk_advice_page PRIMARY KEY,
  adviser_id uuid NOT NULL CONSTRAINT fk_advice_page_adviser_id_adviser REFERENCES adviser,
  code text NOT NULL CONSTRAINT uq_advice_page_code UNIQUE,
  slug text CONSTRAINT uq_advice_page_slug UNIQUE,
  state text NOT NULL DEFAULT 'draft'
    CONSTRAINT ck_advice_page_state CHECK (state IN ('draft', 'published', 'withdrawn', 'taken_down')),
  kind text NOT NULL CONSTRAINT ck_advice_page_kind CHECK (kind IN {KINDS}),
  language text NOT NULL CONSTRAINT ck_advice_page_language CHECK (language IN ('nl', 'en')),
  title text NOT NULL DEFAULT '',
  verdict text NOT NULL DEFAULT '',
  topics text[] NOT NULL DEFAULT '{{}}',
  product_ids uuid[] NOT NULL DEFAULT '{{}}',
  shop_ids uuid[] NOT NULL DEFAULT '{{}}',
  pays boolean NOT NULL DEFAULT false,
  picture_id uuid,
  twin_id uuid CONSTRAINT fk_advice_page_twin_id_advice_page REFERENCES advice_page,
  version bigint NOT NULL DEFAULT 0,
  published_at timestamptz,
  updated_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_advice_page_id_adviser_id UNIQUE (id, adviser_id),
  CONSTRAINT ck_advice_page_published CHECK ((version = 0) = (published_at IS NULL)
    AND (version = 0) = (slug IS NULL) AND (version = 0) = (state = 'draft') AND version >= 0)
);
CREATE INDEX ix_advice_page_adviser_id_id ON advice_page (adviser_id, id);
CREATE INDEX ix_advice_page_topics ON advice_page USING gin (topics);
CREATE INDEX ix_advice_page_product_ids ON advice_page USING gin (product_ids);
CREATE INDEX ix_advice_page_shop_ids ON advice_page USING gin (shop_ids);
CREATE TABLE advice_draft (
  page_id uuid NOT NULL CONSTRAINT pk_advice_draft PRIMARY KEY,
  adviser_id uuid NOT NULL,
  edit bigint NOT NULL DEFAULT 1 CONSTRAINT ck_advice_draft_edit CHECK (edit >= 1),
  kind text NOT NULL CONSTRAINT ck_advice_draft_kind CHECK (kind IN {KINDS}),
  language text NOT NULL CONSTRAINT ck_advice_draft_language CHECK (language IN ('nl', 'en')),
  title text NOT NULL DEFAULT '',
  verdict text NOT NULL DEFAULT '',
  topics text[] NOT NULL DEFAULT '{{}}',
  blocks jsonb NOT NULL DEFAULT '[]' CONSTRAINT ck_advice_draft_blocks CHECK (jsonb_typeof(blocks) = 'array'),
  saved_at timestamptz NOT NULL,
  CONSTRAINT fk_advice_draft_page_id_advice_page
    FOREIGN KEY (page_id, adviser_id) REFERENCES advice_page (id, adviser_id)
);
CREATE TABLE advice_version (
  id uuid NOT NULL CONSTRAINT pk_advice_version PRIMARY KEY,
  page_id uuid NOT NULL,
  adviser_id uuid NOT NULL,
  number bigint NOT NULL CONSTRAINT ck_advice_version_number CHECK (number >= 1),
  document jsonb NOT NULL,
  sha256 bytea NOT NULL CONSTRAINT ck_advice_version_sha256 CHECK (length(sha256) = 32),
  published_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_advice_version_page_id_number UNIQUE (page_id, number),
  CONSTRAINT fk_advice_version_page_id_advice_page
    FOREIGN KEY (page_id, adviser_id) REFERENCES advice_page (id, adviser_id)
);
CREATE TABLE advice_event (
  id uuid NOT NULL CONSTRAINT pk_advice_event PRIMARY KEY,
  page_id uuid NOT NULL,
  adviser_id uuid NOT NULL,
  n bigint NOT NULL,
  state text NOT NULL
    CONSTRAINT ck_advice_event_state CHECK (state IN ('published', 'withdrawn', 'taken_down')),
  version bigint NOT NULL,
  reason text,
  by_role text NOT NULL CONSTRAINT ck_advice_event_by_role CHECK (by_role IN ('adviser', 'admin')),
  by_user_id uuid NOT NULL CONSTRAINT fk_advice_event_by_user_id_user_account REFERENCES user_account,
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT uq_advice_event_page_id_n UNIQUE (page_id, n),
  CONSTRAINT ck_advice_event_reason CHECK (by_role <> 'admin' OR reason IS NOT NULL),
  CONSTRAINT fk_advice_event_page_id_advice_page
    FOREIGN KEY (page_id, adviser_id) REFERENCES advice_page (id, adviser_id)
)
"""
# A page names its shop, and says of each button whether its adviser earns by it: both for whoever reads.
VIEWS = """
CREATE VIEW public_shop_name WITH (security_barrier) AS
  SELECT id, code, name, country, state FROM shop WHERE state <> 'draft';
CREATE VIEW public_earning WITH (security_barrier) AS
  SELECT p.adviser_id, p.offer_id, p.shop_id, o.code AS offer_code
  FROM partnership p JOIN offer o ON o.id = p.offer_id JOIN shop s ON s.id = p.shop_id
  JOIN adviser a ON a.id = p.adviser_id
  WHERE p.state = 'accepted' AND o.state = 'open' AND a.state = 'active' AND s.state NOT IN ('closing', 'closed')
"""
PUBLISHED = (
    "EXISTS (SELECT FROM advice_page p WHERE p.id = advice_version.page_id AND p.state = 'published'"
    " AND p.version = advice_version.number)"
)
MOVED = (
    "slug, state, kind, language, title, verdict, topics, product_ids, shop_ids, pays, picture_id, twin_id, version,"
    " published_at, updated_at"
)


def upgrade() -> None:
    """Make the tables of advice and the views that its pages read."""
    op.execute(TABLES)
    append_only(op, "advice_version", "advice_event")
    tables = ("advice_page", "advice_draft", "advice_version", "advice_event")
    grant(op, "app", "SELECT, INSERT", *tables)
    grant(op, "app", f"UPDATE ({MOVED})", "advice_page")
    grant(
        op, "app", "UPDATE (edit, kind, language, title, verdict, topics, blocks, saved_at)", "advice_draft"
    )
    grant(op, "worker", "SELECT", *tables)
    enable(op, *tables)
    # That a page is gone may be known by whoever knows its address; what stood there may not.
    permit(op, "advice_page", "app", "select", either("state <> 'draft'", adviser(), LOOKING))
    permit(op, "advice_page", "app", "insert", None, f"{adviser()} AND state = 'draft'")
    # What the platform took down its adviser can't bring back.
    permit(
        op,
        "advice_page",
        "app",
        "update",
        either(f"{adviser()} AND state <> 'taken_down'", ADMIN),
        either(f"{adviser()} AND state <> 'taken_down'", ADMIN),
    )
    permit(op, "advice_draft", "app", "all", adviser())
    permit(op, "advice_version", "app", "select", either(adviser(), LOOKING, PUBLISHED))
    permit(op, "advice_version", "app", "insert", None, adviser())
    permit(op, "advice_event", "app", "select", either(adviser(), LOOKING))
    permit(
        op,
        "advice_event",
        "app",
        "insert",
        None,
        f"{person('by_user_id')} AND ("
        + either(
            f"{adviser()} AND by_role = 'adviser' AND state <> 'taken_down'", f"{ADMIN} AND by_role = 'admin'"
        )
        + ")",
    )
    for table in tables:
        permit(op, table, "worker", "all", "true")
    op.execute(VIEWS)
    grant(op, "app", "SELECT", "public_shop_name", "public_earning")
    grant(op, "worker", "SELECT", "public_shop_name", "public_earning")


def downgrade() -> None:
    """Forget advice."""
    op.execute("DROP VIEW public_earning")
    op.execute("DROP VIEW public_shop_name")
    op.execute("DROP TABLE advice_event, advice_version, advice_draft, advice_page")
