"""Links, codes, clicks, touches and the edge's view of them.

Locks: SHARE ROW EXCLUSIVE for an instant on shop, shop_domain, adviser, offer, partnership and product (foreign keys
and the triggers that tell edges of a change); all other tables are new. A new day's partition takes ACCESS EXCLUSIVE
on `click` for an instant, which is why days are made a week ahead.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant, grant_execute

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE tracked_link (
      id uuid NOT NULL CONSTRAINT pk_tracked_link PRIMARY KEY,
      shop_id uuid NOT NULL CONSTRAINT fk_tracked_link_shop_id_shop REFERENCES shop,
      offer_id uuid NOT NULL CONSTRAINT fk_tracked_link_offer_id_offer REFERENCES offer,
      adviser_id uuid NOT NULL CONSTRAINT fk_tracked_link_adviser_id_adviser REFERENCES adviser,
      partnership_id uuid NOT NULL CONSTRAINT fk_tracked_link_partnership_id_partnership REFERENCES partnership,
      product_id uuid CONSTRAINT fk_tracked_link_product_id_product REFERENCES product,
      kind text NOT NULL CONSTRAINT ck_tracked_link_kind CHECK (kind IN ('link', 'offer')),
      code text NOT NULL CONSTRAINT uq_tracked_link_code UNIQUE,
      path text NOT NULL CONSTRAINT uq_tracked_link_path UNIQUE,
      target_url text NOT NULL,
      placement text,
      created_at timestamptz NOT NULL,
      disabled_at timestamptz,
      CONSTRAINT ck_tracked_link_offer_has_no_product CHECK (kind <> 'offer' OR product_id IS NULL)
    )
    """,
    "CREATE UNIQUE INDEX uq_tracked_link_offer ON tracked_link (offer_id, adviser_id) WHERE kind = 'offer'",
    "CREATE INDEX ix_tracked_link_adviser_id_id ON tracked_link (adviser_id, id)",
    "CREATE INDEX ix_tracked_link_shop_id_id ON tracked_link (shop_id, id)",
    "CREATE INDEX ix_tracked_link_partnership_id ON tracked_link (partnership_id)",
    "CREATE INDEX ix_tracked_link_product_id ON tracked_link (product_id)",
    """
    CREATE TABLE discount_code (
      id uuid NOT NULL CONSTRAINT pk_discount_code PRIMARY KEY,
      shop_id uuid NOT NULL CONSTRAINT fk_discount_code_shop_id_shop REFERENCES shop,
      offer_id uuid NOT NULL CONSTRAINT fk_discount_code_offer_id_offer REFERENCES offer,
      adviser_id uuid NOT NULL CONSTRAINT fk_discount_code_adviser_id_adviser REFERENCES adviser,
      code text NOT NULL CONSTRAINT ck_discount_code_code CHECK (code = upper(code)),
      created_at timestamptz NOT NULL,
      revoked_at timestamptz CONSTRAINT ck_discount_code_revoked_at CHECK (revoked_at >= created_at)
    )
    """,
    "CREATE UNIQUE INDEX uq_discount_code_present ON discount_code (shop_id, code) WHERE revoked_at IS NULL",
    "CREATE INDEX ix_discount_code_shop_id_code ON discount_code (shop_id, code)",
    "CREATE INDEX ix_discount_code_adviser_id ON discount_code (adviser_id)",
    "CREATE INDEX ix_discount_code_offer_id ON discount_code (offer_id)",
    """
    CREATE TABLE click (
      click_id uuid NOT NULL, ts timestamptz NOT NULL,
      link_id uuid NOT NULL, shop_id uuid NOT NULL, adviser_id uuid NOT NULL,
      kind text NOT NULL, verdict text NOT NULL, dedup bytea NOT NULL, visitor_id bytea, own boolean NOT NULL,
      placement text, referrer_host text, agent_family text NOT NULL, edge text NOT NULL,
      CONSTRAINT pk_click PRIMARY KEY (click_id, ts)
    ) PARTITION BY RANGE (ts)
    """,
    "CREATE INDEX ix_click_ts ON click USING brin (ts)",
    """
    CREATE INDEX ix_click_shop_id_visitor_id_ts ON click (shop_id, visitor_id, ts) WHERE visitor_id IS NOT NULL
    """,
    """
    CREATE TABLE click_first (
      day date NOT NULL, link_id uuid NOT NULL, dedup bytea NOT NULL,
      CONSTRAINT pk_click_first PRIMARY KEY (day, link_id, dedup)
    ) PARTITION BY RANGE (day)
    """,
    """
    CREATE TABLE click_tally (
      link_id uuid NOT NULL CONSTRAINT fk_click_tally_link_id_tracked_link REFERENCES tracked_link,
      day date NOT NULL, name text NOT NULL,
      clicks bigint NOT NULL CONSTRAINT ck_click_tally_clicks CHECK (clicks > 0),
      CONSTRAINT pk_click_tally PRIMARY KEY (link_id, day, name)
    )
    """,
    """
    CREATE TABLE own_device (
      day date NOT NULL,
      adviser_id uuid NOT NULL CONSTRAINT fk_own_device_adviser_id_adviser REFERENCES adviser,
      dedup bytea NOT NULL,
      CONSTRAINT pk_own_device PRIMARY KEY (day, adviser_id, dedup)
    )
    """,
    """
    CREATE TABLE touch (
      id uuid NOT NULL CONSTRAINT pk_touch PRIMARY KEY,
      link_id uuid NOT NULL CONSTRAINT fk_touch_link_id_tracked_link REFERENCES tracked_link,
      shop_id uuid NOT NULL CONSTRAINT fk_touch_shop_id_shop REFERENCES shop,
      adviser_id uuid NOT NULL CONSTRAINT fk_touch_adviser_id_adviser REFERENCES adviser,
      offer_id uuid NOT NULL CONSTRAINT fk_touch_offer_id_offer REFERENCES offer,
      ts timestamptz NOT NULL,
      visitor_id bytea,
      source text NOT NULL CONSTRAINT ck_touch_source CHECK (source IN ('token', 'click')),
      recorded_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX ix_touch_shop_id_visitor_id ON touch (shop_id, visitor_id) WHERE visitor_id IS NOT NULL",
    "CREATE INDEX ix_touch_link_id ON touch (link_id)",
    """
    CREATE TABLE touch_screening (
      touch_id uuid NOT NULL CONSTRAINT pk_touch_screening PRIMARY KEY
        CONSTRAINT fk_touch_screening_touch_id_touch REFERENCES touch,
      verdict text NOT NULL, own boolean NOT NULL, edge text NOT NULL,
      recorded_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE edge_mark (
      edge text NOT NULL CONSTRAINT pk_edge_mark PRIMARY KEY,
      mark timestamptz NOT NULL, seen_at timestamptz NOT NULL
    )
    """,
)

EDGE_LINK = """
CREATE VIEW edge_link AS
SELECT l.path, l.id AS link_id, l.shop_id, l.adviser_id, l.offer_id, l.kind, l.target_url, s.consent_mode,
  CASE
    WHEN a.state = 'banned' THEN 'banned'
    WHEN l.disabled_at IS NOT NULL THEN 'disabled'
    WHEN p.state <> 'accepted' THEN 'left'
    WHEN o.state <> 'open' OR a.state <> 'active' OR s.state IN ('closing', 'closed') THEN 'paused'
    ELSE 'live'
  END AS standing,
  ARRAY(
    SELECT d.host FROM shop_domain d WHERE d.shop_id = l.shop_id AND d.verified_at IS NOT NULL ORDER BY d.host
  ) AS hosts
FROM tracked_link l
JOIN shop s ON s.id = l.shop_id
JOIN adviser a ON a.id = l.adviser_id
JOIN offer o ON o.id = l.offer_id
JOIN partnership p ON p.id = l.partnership_id
"""
WATCHED = ("tracked_link", "offer", "partnership", "adviser", "shop", "shop_domain")
NOTIFY_EDGE = """
CREATE FUNCTION notify_edge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NOTIFY edge;
  RETURN NULL;
END $$
"""

ENSURE_DAYS = """
CREATE FUNCTION ensure_click_days(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  a_day date;
  stamp text;
  made integer := 0;
BEGIN
  IF last_day - first_day > 400 THEN
    RAISE EXCEPTION 'more than 400 days at once' USING ERRCODE = '22023';
  END IF;
  FOR a_day IN SELECT generate_series(first_day, last_day, interval '1 day')::date LOOP
    stamp := to_char(a_day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass('public.click_p' || stamp) IS NOT NULL;
    -- Two shippers at midnight: the second waits here and then finds the day made.
    PERFORM pg_advisory_xact_lock(7220261123);
    CONTINUE WHEN to_regclass('public.click_p' || stamp) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I PARTITION OF click FOR VALUES FROM (%L) TO (%L)', 'click_p' || stamp,
      a_day::timestamp AT TIME ZONE 'UTC', (a_day + 1)::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF click_first FOR VALUES FROM (%L) TO (%L)',
      'click_pf' || stamp, a_day, a_day + 1);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$
"""

DROP_DAYS = """
CREATE FUNCTION drop_click_days(clicks_before date, firsts_before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  today date := ((now() + make_interval(secs => (SELECT offset_seconds FROM business_clock)))
    AT TIME ZONE 'UTC')::date;
  old text;
  dropped integer := 0;
BEGIN
  IF clicks_before > today - 90 OR firsts_before > today - 2 THEN
    RAISE EXCEPTION 'clicks are kept for 90 days, first clicks for 2' USING ERRCODE = '22023';
  END IF;
  FOR old IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE (i.inhparent = 'click'::regclass AND c.relname < 'click_p' || to_char(clicks_before, 'YYYYMMDD'))
      OR (i.inhparent = 'click_first'::regclass AND c.relname < 'click_pf' || to_char(firsts_before, 'YYYYMMDD'))
    ORDER BY c.relname
  LOOP
    EXECUTE format('DROP TABLE %I', old);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$
"""

TOUCHES_FOR = """
CREATE FUNCTION touches_for(a_shop uuid, visitors bytea[], touches uuid[], upto timestamptz)
RETURNS TABLE (touch_id uuid, link_id uuid, offer_id uuid, adviser_id uuid, shop_id uuid, ts timestamptz,
  verdict text, own boolean, visitor_id bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  INSERT INTO touch (id, link_id, shop_id, adviser_id, offer_id, ts, visitor_id, source)
  SELECT c.click_id, c.link_id, c.shop_id, c.adviser_id, l.offer_id, c.ts, c.visitor_id, 'click'
  FROM click c JOIN tracked_link l ON l.id = c.link_id
  WHERE c.shop_id = a_shop AND c.visitor_id = ANY (visitors) AND c.ts <= upto
  ON CONFLICT DO NOTHING;

  INSERT INTO touch_screening (touch_id, verdict, own, edge)
  SELECT t.id, c.verdict, c.own, c.edge
  FROM touch t JOIN click c ON c.click_id = t.id AND c.ts = t.ts
  WHERE t.shop_id = a_shop AND (t.id = ANY (touches) OR t.visitor_id = ANY (visitors))
    AND NOT EXISTS (SELECT FROM touch_screening s WHERE s.touch_id = t.id)
  ON CONFLICT DO NOTHING;

  RETURN QUERY
  SELECT t.id, t.link_id, t.offer_id, t.adviser_id, t.shop_id, t.ts, s.verdict, coalesce(s.own, false), t.visitor_id
  FROM touch t LEFT JOIN touch_screening s ON s.touch_id = t.id
  WHERE t.shop_id = a_shop AND t.ts <= upto AND (t.id = ANY (touches) OR t.visitor_id = ANY (visitors))
  ORDER BY t.ts, t.id;
END $$
"""
FUNCTIONS = (
    "ensure_click_days(date, date)",
    "drop_click_days(date, date)",
    "touches_for(uuid, bytea[], uuid[], timestamptz)",
)


def upgrade() -> None:
    """Create links, codes, clicks, touches, their functions, and the edge's view."""
    for statement in (*TABLES, EDGE_LINK, NOTIFY_EDGE, ENSURE_DAYS, DROP_DAYS, TOUCHES_FOR):
        op.execute(statement)
    append_only(op, "touch", "touch_screening")
    for table in WATCHED:
        op.execute(
            f"CREATE TRIGGER {table}_tells_edges AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION notify_edge()"
        )
    grant_execute(op, "worker", *FUNCTIONS)
    grant(op, "app", "SELECT, INSERT, UPDATE (disabled_at)", "tracked_link")
    grant(op, "app", "SELECT, INSERT, UPDATE (revoked_at)", "discount_code")
    grant(op, "app", "SELECT, INSERT", "touch", "own_device")
    grant(op, "app", "SELECT", "touch_screening", "edge_mark", "click_tally")
    grant(op, "worker", "SELECT", "tracked_link", "discount_code", "touch")
    grant(op, "worker", "SELECT, INSERT", "click", "click_first", "touch", "touch_screening")
    grant(op, "worker", "SELECT, INSERT, UPDATE", "click_tally", "edge_mark")
    grant(op, "worker", "SELECT, DELETE", "own_device")
    for role in ("edge", "app"):
        grant(op, role, "SELECT", "edge_link")


def downgrade() -> None:
    """Drop all of it."""
    for table in WATCHED:
        op.execute(f"DROP TRIGGER {table}_tells_edges ON {table}")
    op.execute("DROP VIEW edge_link")
    for signature in (*FUNCTIONS, "notify_edge()"):
        op.execute(f"DROP FUNCTION {signature}")
    for table in (
        "edge_mark",
        "touch_screening",
        "touch",
        "own_device",
        "click_tally",
        "click_first",
        "click",
        "discount_code",
        "tracked_link",
    ):
        op.execute(f"DROP TABLE {table}")
