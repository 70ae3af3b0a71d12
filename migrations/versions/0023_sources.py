"""Where products come from: feeds that are fetched, pages that are looked at again, and products given by hand.

Locks: `product` and `feed_job` for an instant each: columns with a constant default or none; the new constraint is
checked by one read of `product`. Policies and grants take ACCESS EXCLUSIVE on `product` for that instant too.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant
from migrations.row_security import either, enable, open_up, permit, role, shop

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

OF_SHOP = either(shop(), role("finance", "admin", "watch"))
# What a feed brought, only the worker changes; a shop's people change what they gave themselves.
GIVEN = f"{shop()} AND source IN ('hand', 'page')"
FACTS = (
    "title, description, link, page_digest, image_link, brand, gtin, price_minor, currency, sale_price_minor,"
    " availability, category, google_category, product_type, warnings, content_hash, retired_at, updated_at, source,"
    " seen_at"
)
SOURCE = """
CREATE TABLE feed_source (
  id uuid NOT NULL CONSTRAINT pk_feed_source PRIMARY KEY,
  shop_id uuid NOT NULL CONSTRAINT fk_feed_source_shop_id_shop REFERENCES shop (id),
  url text NOT NULL,
  every text NOT NULL CONSTRAINT ck_feed_source_every CHECK (every IN ('hourly', 'daily', 'weekly', 'manual')),
  hour bigint NOT NULL DEFAULT 4 CONSTRAINT ck_feed_source_hour CHECK (hour BETWEEN 0 AND 23),
  is_complete boolean NOT NULL DEFAULT true,
  state text NOT NULL DEFAULT 'active' CONSTRAINT ck_feed_source_state CHECK (state IN ('active', 'paused')),
  paused_code text, paused_reason text, next_at timestamptz,
  etag text, last_modified text, sha256 bytea,
  last_feed_id uuid CONSTRAINT fk_feed_source_last_feed_id_feed_job REFERENCES feed_job (id),
  failures bigint NOT NULL DEFAULT 0,
  lease uuid, lease_until timestamptz, tries bigint NOT NULL DEFAULT 0,
  created_by uuid CONSTRAINT fk_feed_source_created_by_user_account REFERENCES user_account (id),
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_feed_source_paused CHECK ((state = 'paused') = (paused_code IS NOT NULL)),
  CONSTRAINT ck_feed_source_paused_is_not_due CHECK (state = 'active' OR next_at IS NULL)
);
CREATE INDEX ix_feed_source_next_at ON feed_source (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX ix_feed_source_shop_id_id ON feed_source (shop_id, id)
"""
FETCH = """
CREATE TABLE feed_fetch (
  id uuid NOT NULL CONSTRAINT pk_feed_fetch PRIMARY KEY,
  source_id uuid NOT NULL CONSTRAINT fk_feed_fetch_source_id_feed_source REFERENCES feed_source (id),
  shop_id uuid NOT NULL CONSTRAINT fk_feed_fetch_shop_id_shop REFERENCES shop (id),
  began_at timestamptz NOT NULL, finished_at timestamptz NOT NULL,
  outcome text NOT NULL
    CONSTRAINT ck_feed_fetch_outcome CHECK (outcome IN ('queued', 'unchanged', 'failed')),
  status bigint, size bigint,
  feed_id uuid CONSTRAINT fk_feed_fetch_feed_id_feed_job REFERENCES feed_job (id),
  failure_code text, failure_reason text, failure_fix text,
  CONSTRAINT ck_feed_fetch_feed CHECK ((outcome = 'queued') = (feed_id IS NOT NULL)),
  CONSTRAINT ck_feed_fetch_failure CHECK ((outcome = 'failed') = (failure_code IS NOT NULL))
);
CREATE INDEX ix_feed_fetch_source_id_id ON feed_fetch (source_id, id)
"""
PAGE = """
CREATE TABLE product_page (
  product_id uuid NOT NULL CONSTRAINT pk_product_page PRIMARY KEY
    CONSTRAINT fk_product_page_product_id_product REFERENCES product (id),
  shop_id uuid NOT NULL CONSTRAINT fk_product_page_shop_id_shop REFERENCES shop (id),
  url text NOT NULL, host text NOT NULL, own_words jsonb NOT NULL DEFAULT '{}',
  next_at timestamptz, asked_at timestamptz, lease uuid, lease_until timestamptz,
  failures bigint NOT NULL DEFAULT 0,
  failure_code text, failure_reason text, failure_fix text
);
CREATE INDEX ix_product_page_next_at ON product_page (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX ix_product_page_host_asked_at ON product_page (host, asked_at)
"""
TABLES = ("product_page", "feed_fetch", "feed_source")


def upgrade() -> None:
    """Make the tables of sources, and let a shop's people write the products that they give themselves."""
    for statements in (SOURCE, FETCH, PAGE):
        op.execute(statements)
    op.execute(
        "ALTER TABLE feed_job ADD COLUMN source_id uuid"
        " CONSTRAINT fk_feed_job_source_id_feed_source REFERENCES feed_source (id)"
    )
    op.execute(
        "ALTER TABLE product ADD COLUMN source text NOT NULL DEFAULT 'feed'"
        " CONSTRAINT ck_product_source CHECK (source IN ('feed', 'page', 'hand')), ADD COLUMN seen_at timestamptz"
    )
    append_only(op, "feed_fetch")
    grant(op, "app", "SELECT, INSERT, UPDATE", "feed_source", "product_page")
    grant(op, "app", "SELECT", "feed_fetch")
    grant(op, "app", f"INSERT, UPDATE ({FACTS})", "product")
    grant(op, "worker", "SELECT, UPDATE", "feed_source", "product_page")
    grant(op, "worker", "SELECT, INSERT", "feed_fetch")
    # A feed that was fetched is lined up by the worker, as the web lines up one that was sent.
    grant(op, "worker", "INSERT", "feed_job", "feed_chunk")
    enable(op, *TABLES)
    for table in ("feed_source", "product_page"):
        permit(op, table, "app", "select", OF_SHOP)
        permit(op, table, "app", "insert", None, shop())
        permit(op, table, "app", "update", shop())
    permit(op, "feed_fetch", "app", "select", OF_SHOP)
    permit(op, "product", "app", "insert", None, GIVEN)
    permit(op, "product", "app", "update", GIVEN)
    for table in TABLES:
        permit(op, table, "worker", "all", "true")


def downgrade() -> None:
    """Forget sources and pages; products that came from elsewhere than a feed stay as they are."""
    for kind in ("insert", "update"):
        op.execute(f"DROP POLICY product_app_{kind} ON product")
    op.execute(f"REVOKE INSERT, UPDATE ({FACTS}) ON product FROM aanrader_app")
    op.execute("REVOKE INSERT ON feed_job, feed_chunk FROM aanrader_worker")
    open_up(op, *TABLES)
    op.execute("ALTER TABLE product DROP COLUMN source, DROP COLUMN seen_at")
    op.execute("ALTER TABLE feed_job DROP COLUMN source_id")
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")
