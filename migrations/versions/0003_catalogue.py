"""Catalogue: products, feeds with their pieces, staged rows and reports.

Locks: none that anybody waits for; every table is new, and the foreign keys take SHARE ROW EXCLUSIVE on shop and
user_account for an instant.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FACTS = """
  sku text NOT NULL, title text NOT NULL, description text NOT NULL, link text NOT NULL, page_digest bytea NOT NULL,
  image_link text, brand text, gtin text, price_minor bigint NOT NULL, currency char(3) NOT NULL,
  sale_price_minor bigint, availability text, category text NOT NULL, google_category text, product_type text,
  warnings text[] NOT NULL, content_hash bytea NOT NULL
"""


def upgrade() -> None:
    """Create the tables of the catalogue."""
    op.execute(
        """
        CREATE TABLE feed_job (
          id uuid NOT NULL CONSTRAINT pk_feed_job PRIMARY KEY,
          shop_id uuid NOT NULL CONSTRAINT fk_feed_job_shop_id_shop REFERENCES shop (id),
          state text NOT NULL DEFAULT 'queued'
            CONSTRAINT ck_feed_job_state CHECK (state IN ('queued', 'running', 'done', 'failed')),
          is_complete boolean NOT NULL DEFAULT true,
          size bigint NOT NULL, sha256 bytea NOT NULL,
          bytes_read bigint NOT NULL DEFAULT 0, rows_read bigint NOT NULL DEFAULT 0, rows_total bigint,
          added bigint NOT NULL DEFAULT 0, changed bigint NOT NULL DEFAULT 0, unchanged bigint NOT NULL DEFAULT 0,
          refused bigint NOT NULL DEFAULT 0, retired bigint NOT NULL DEFAULT 0,
          failure_code text, failure_reason text, failure_fix text,
          attempt bigint NOT NULL DEFAULT 0,
          queued_by uuid CONSTRAINT fk_feed_job_queued_by_user_account REFERENCES user_account (id),
          queued_at timestamptz NOT NULL, started_at timestamptz, finished_at timestamptz, heartbeat_at timestamptz,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT ck_feed_job_failure CHECK ((state = 'failed') = (failure_code IS NOT NULL)),
          CONSTRAINT ck_feed_job_finished CHECK ((state IN ('done', 'failed')) = (finished_at IS NOT NULL))
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX uq_feed_job_running ON feed_job (shop_id) WHERE state = 'running'")
    op.execute("CREATE INDEX ix_feed_job_open ON feed_job (id) WHERE state IN ('queued', 'running')")
    op.execute("CREATE INDEX ix_feed_job_shop_id_id ON feed_job (shop_id, id)")
    op.execute(
        """
        CREATE TABLE feed_chunk (
          job_id uuid NOT NULL CONSTRAINT fk_feed_chunk_job_id_feed_job REFERENCES feed_job (id),
          number bigint NOT NULL, content bytea NOT NULL,
          CONSTRAINT pk_feed_chunk PRIMARY KEY (job_id, number)
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE feed_staged (
          job_id uuid NOT NULL CONSTRAINT fk_feed_staged_job_id_feed_job REFERENCES feed_job (id),
          row_number bigint NOT NULL, product_id uuid NOT NULL, {_FACTS}, notes jsonb NOT NULL,
          CONSTRAINT pk_feed_staged PRIMARY KEY (job_id, row_number),
          CONSTRAINT uq_feed_staged_job_id_sku UNIQUE (job_id, sku)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE feed_row (
          job_id uuid NOT NULL CONSTRAINT fk_feed_row_job_id_feed_job REFERENCES feed_job (id),
          row_number bigint NOT NULL,
          shop_id uuid NOT NULL CONSTRAINT fk_feed_row_shop_id_shop REFERENCES shop (id),
          sku text, outcome text NOT NULL
            CONSTRAINT ck_feed_row_outcome CHECK (outcome IN ('added', 'changed', 'unchanged', 'refused')),
          notes jsonb NOT NULL,
          CONSTRAINT pk_feed_row PRIMARY KEY (job_id, row_number)
        )
        """
    )
    op.execute("CREATE INDEX ix_feed_row_job_id_outcome ON feed_row (job_id, outcome, row_number)")
    op.execute("CREATE INDEX ix_feed_row_job_id_sku ON feed_row (job_id, sku)")
    op.execute(
        f"""
        CREATE TABLE product (
          id uuid NOT NULL CONSTRAINT pk_product PRIMARY KEY,
          shop_id uuid NOT NULL CONSTRAINT fk_product_shop_id_shop REFERENCES shop (id),
          {_FACTS},
          feed_job_id uuid CONSTRAINT fk_product_feed_job_id_feed_job REFERENCES feed_job (id),
          retired_at timestamptz, updated_at timestamptz NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          CONSTRAINT uq_product_shop_id_sku UNIQUE (shop_id, sku),
          CONSTRAINT ck_product_price CHECK (price_minor >= 0),
          CONSTRAINT ck_product_sale_price CHECK (sale_price_minor BETWEEN 0 AND price_minor)
        )
        """
    )
    op.execute("CREATE INDEX ix_product_shop_id_page_digest ON product (shop_id, page_digest)")
    op.execute("CREATE INDEX ix_product_shop_id_id ON product (shop_id, id)")
    # The web records that a feed came and what it holds; only the worker reads it and writes products.
    grant(op, "app", "SELECT, INSERT", "feed_job")
    grant(op, "app", "INSERT", "feed_chunk")
    grant(op, "app", "SELECT", "feed_row", "product")
    grant(op, "worker", "SELECT, UPDATE", "feed_job")
    grant(op, "worker", "SELECT, DELETE", "feed_chunk")
    grant(op, "worker", "SELECT, INSERT, DELETE", "feed_staged", "feed_row")
    grant(op, "worker", "SELECT, INSERT, UPDATE", "product")


def downgrade() -> None:
    """Drop the tables of the catalogue."""
    for table in ("product", "feed_row", "feed_staged", "feed_chunk", "feed_job"):
        op.execute(f"DROP TABLE {table}")
