"""Pictures of products, pages and people, drawn anew and kept by us.

Locks: SHARE ROW EXCLUSIVE on shop, adviser and product for an instant, while foreign keys to them are made; the tables
are new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant
from migrations.row_security import adviser, either, enable, permit, role

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

PICTURE = """
CREATE TABLE picture (
  id uuid NOT NULL CONSTRAINT pk_picture PRIMARY KEY,
  kind text NOT NULL CONSTRAINT ck_picture_kind CHECK (kind IN ('product', 'page', 'portrait')),
  shop_id uuid CONSTRAINT fk_picture_shop_id_shop REFERENCES shop,
  adviser_id uuid CONSTRAINT fk_picture_adviser_id_adviser REFERENCES adviser,
  sha256 bytea NOT NULL,
  width bigint NOT NULL, height bigint NOT NULL,
  alt text,
  removed_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ck_picture_owner
    CHECK ((kind = 'product') = (shop_id IS NOT NULL) AND (kind = 'product') = (adviser_id IS NULL)),
  CONSTRAINT ck_picture_alt CHECK (kind <> 'page' OR alt IS NOT NULL),
  CONSTRAINT ck_picture_removed CHECK (kind <> 'product' OR removed_at IS NULL),
  CONSTRAINT ck_picture_size CHECK (width > 0 AND height > 0)
);
CREATE UNIQUE INDEX uq_picture_shop_id_sha256 ON picture (shop_id, sha256) WHERE kind = 'product';
CREATE UNIQUE INDEX uq_picture_portrait ON picture (adviser_id) WHERE kind = 'portrait' AND removed_at IS NULL;
CREATE INDEX ix_picture_adviser_id_id ON picture (adviser_id, id) WHERE adviser_id IS NOT NULL;
CREATE INDEX ix_picture_removed_at ON picture (removed_at) WHERE removed_at IS NOT NULL
"""
# What is compressed already is not compressed again.
PICTURE_FILE = """
CREATE TABLE picture_file (
  picture_id uuid NOT NULL CONSTRAINT fk_picture_file_picture_id_picture REFERENCES picture ON DELETE CASCADE,
  width bigint NOT NULL CONSTRAINT ck_picture_file_width CHECK (width IN (160, 480, 960)),
  webp bytea NOT NULL,
  CONSTRAINT pk_picture_file PRIMARY KEY (picture_id, width)
);
ALTER TABLE picture_file ALTER COLUMN webp SET STORAGE EXTERNAL
"""
PRODUCT_PICTURE = """
CREATE TABLE product_picture (
  product_id uuid NOT NULL CONSTRAINT pk_product_picture PRIMARY KEY
    CONSTRAINT fk_product_picture_product_id_product REFERENCES product,
  shop_id uuid NOT NULL CONSTRAINT fk_product_picture_shop_id_shop REFERENCES shop,
  picture_id uuid CONSTRAINT fk_product_picture_picture_id_picture REFERENCES picture,
  source_url text NOT NULL,
  etag text, last_modified text,
  next_at timestamptz,
  asked_at timestamptz NOT NULL,
  lease uuid, lease_until timestamptz,
  failures bigint NOT NULL DEFAULT 0,
  failure_code text, failure_reason text,
  CONSTRAINT ck_product_picture_failure CHECK ((failures = 0) = (failure_code IS NULL))
);
CREATE INDEX ix_product_picture_picture_id ON product_picture (picture_id);
CREATE INDEX ix_product_picture_shop_id ON product_picture (shop_id)
"""
# Whoever sees a product sees its picture; what advisers sent is for everybody until they remove it.
OF_PRODUCT = "kind = 'product' AND EXISTS (SELECT FROM product_picture pp WHERE pp.picture_id = picture.id)"
SENT = (
    "kind <> 'product' AND removed_at IS NULL"
    " AND NOT EXISTS (SELECT FROM public_adviser a WHERE a.id = picture.adviser_id AND a.state = 'banned')"
)
LOOKING = role("finance", "admin", "watch")


def upgrade() -> None:
    """Make the tables, and let advisers write what is theirs and nobody but the worker what is a product's."""
    for block in (PICTURE, PICTURE_FILE, PRODUCT_PICTURE):
        op.execute(block)
    enable(op, "picture", "picture_file", "product_picture")
    grant(op, "app", "SELECT, INSERT", "picture", "picture_file")
    grant(op, "app", "UPDATE (removed_at)", "picture")
    grant(op, "app", "SELECT", "product_picture")
    grant(op, "worker", "SELECT, INSERT, UPDATE, DELETE", "picture", "picture_file", "product_picture")
    permit(op, "picture", "app", "select", either(adviser(), LOOKING, SENT, OF_PRODUCT))
    permit(op, "picture", "app", "insert", check=f"{adviser()} AND kind <> 'product'")
    permit(op, "picture", "app", "update", adviser())
    permit(
        op,
        "picture_file",
        "app",
        "select",
        "EXISTS (SELECT FROM picture p WHERE p.id = picture_file.picture_id)",
    )
    permit(
        op,
        "picture_file",
        "app",
        "insert",
        check=f"EXISTS (SELECT FROM picture p WHERE p.id = picture_file.picture_id AND {adviser('p.adviser_id')})",
    )
    permit(
        op,
        "product_picture",
        "app",
        "select",
        "EXISTS (SELECT FROM product p WHERE p.id = product_picture.product_id)",
    )
    for table in ("picture", "picture_file", "product_picture"):
        permit(op, table, "worker", "all", "true")


def downgrade() -> None:
    """Forget all pictures; those of products can be fetched again."""
    op.execute("DROP TABLE product_picture, picture_file, picture")
