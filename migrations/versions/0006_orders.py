"""Orders with their lines, refunds and answers; attribution and its policy; commissions and their moves.

Locks: SHARE ROW EXCLUSIVE on shop, adviser, offer, commission_terms, tracked_link, discount_code and touch while the
foreign keys to them are made, a few milliseconds each; every table here is new.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import append_only, grant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FACTS = (
    "shop_order",
    "order_line",
    "order_token",
    "order_answer",
    "order_echo",
    "refund",
    "refund_line",
    "refund_outcome",
    "attribution",
    "commission",
    "commission_move",
)


def upgrade() -> None:
    """Create the tables, the triggers that hold their promises, and what each role may do."""
    _orders()
    _attribution()
    _commissions()
    _promises()
    append_only(op, *FACTS, "attribution_policy")
    for role in ("app", "worker"):
        grant(op, role, "SELECT, INSERT", *FACTS)
        grant(op, role, "SELECT", "attribution_policy")
        # PostgreSQL asks for UPDATE on a column before it locks a row; the trigger still refuses the update itself.
        grant(op, role, "UPDATE (received_at)", "shop_order")
        grant(op, role, "UPDATE (created_at)", "commission")
    grant(op, "worker", "INSERT", "attribution_policy")


def downgrade() -> None:
    """Remove the tables of this step."""
    op.execute("DROP TABLE " + ", ".join(reversed((*FACTS, "attribution_policy"))) + " CASCADE")
    op.execute("DROP FUNCTION commission_move_follows, attribution_follows, order_line_in_time")


def _promises() -> None:
    op.execute(
        """
        CREATE FUNCTION commission_move_follows() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE last commission_move;
        BEGIN
          SELECT * INTO last FROM commission_move WHERE commission_id = NEW.commission_id ORDER BY seq DESC LIMIT 1;
          IF NEW.seq <> coalesce(last.seq, 0) + 1
             OR NEW.standing_minor <> coalesce(last.standing_minor, 0) + NEW.delta_minor THEN
            RAISE EXCEPTION 'move % of commission % does not follow from the one before', NEW.seq, NEW.commission_id
              USING ERRCODE = '23514';
          END IF;
          IF EXISTS (SELECT FROM commission_move m WHERE m.commission_id = NEW.commission_id
                     AND (m.kind = 'declined' OR (m.kind = 'approved' AND NEW.kind = 'earned'))) THEN
            RAISE EXCEPTION 'commission % can not take a move %', NEW.commission_id, NEW.kind USING ERRCODE = '23514';
          END IF;
          IF NEW.kind = 'approved' AND NEW.standing_minor = 0 THEN
            RAISE EXCEPTION 'commission % has nothing to approve', NEW.commission_id USING ERRCODE = '23514';
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER commission_move_follows BEFORE INSERT ON commission_move"
        " FOR EACH ROW EXECUTE FUNCTION commission_move_follows()"
    )
    op.execute(
        """
        CREATE FUNCTION attribution_follows() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE last attribution;
        BEGIN
          SELECT * INTO last FROM attribution WHERE order_id = NEW.order_id ORDER BY n DESC LIMIT 1;
          IF NEW.n <> coalesce(last.n, 0) + 1 THEN
            RAISE EXCEPTION 'decision % of order % does not follow', NEW.n, NEW.order_id USING ERRCODE = '23514';
          END IF;
          IF last.state = 'final' THEN
            RAISE EXCEPTION 'order % is decided for good', NEW.order_id USING ERRCODE = '23514';
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER attribution_follows BEFORE INSERT ON attribution"
        " FOR EACH ROW EXECUTE FUNCTION attribution_follows()"
    )
    op.execute(
        """
        CREATE FUNCTION order_line_in_time() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF EXISTS (SELECT FROM attribution WHERE order_id = NEW.order_id AND state = 'final') THEN
            RAISE EXCEPTION 'order % is approved and takes no more lines', NEW.order_id USING ERRCODE = '23514';
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER order_line_in_time BEFORE INSERT ON order_line"
        " FOR EACH ROW EXECUTE FUNCTION order_line_in_time()"
    )


def _orders() -> None:
    op.execute(
        """
        CREATE TABLE shop_order (
          id uuid NOT NULL,
          shop_id uuid NOT NULL,
          mode text NOT NULL,
          order_ref text NOT NULL,
          parent_ref text,
          source text NOT NULL,
          ordered_at timestamptz NOT NULL,
          received_at timestamptz NOT NULL,
          is_reported_late boolean NOT NULL,
          currency CHAR(3) NOT NULL,
          channel text NOT NULL,
          store_ref text,
          customer_key bytea,
          email_key bytea,
          is_new boolean,
          is_new_by text,
          code text,
          shipping_net_minor bigint NOT NULL,
          shipping_tax_minor bigint NOT NULL,
          CONSTRAINT pk_shop_order PRIMARY KEY (id),
          CONSTRAINT uq_shop_order_shop_id_mode_order_ref UNIQUE (shop_id, mode, order_ref),
          CONSTRAINT uq_shop_order_id_shop_id_currency UNIQUE (id, shop_id, currency),
          CONSTRAINT ck_shop_order_mode CHECK (mode IN ('live', 'test')),
          CONSTRAINT ck_shop_order_channel CHECK (channel IN ('web', 'pos', 'phone', 'agent')),
          CONSTRAINT ck_shop_order_is_new_by CHECK (is_new_by IN ('orders', 'shop')),
          CONSTRAINT ck_shop_order_is_new CHECK ((is_new IS NULL) = (is_new_by IS NULL)),
          CONSTRAINT ck_shop_order_shipping CHECK (shipping_net_minor BETWEEN 0 AND 100000000000 AND shipping_tax_minor BETWEEN 0 AND 100000000000),
          CONSTRAINT ck_shop_order_currency CHECK (currency ~ '^[A-Z]{3}$'),
          CONSTRAINT fk_shop_order_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        "CREATE INDEX ix_shop_order_customer ON shop_order (shop_id, mode, customer_key, ordered_at) WHERE customer_key IS NOT NULL"
    )
    op.execute("CREATE INDEX ix_shop_order_page ON shop_order (shop_id, mode, received_at, id)")
    op.execute(
        """
        CREATE TABLE order_line (
          id uuid NOT NULL,
          order_id uuid NOT NULL,
          shop_id uuid NOT NULL,
          position bigint NOT NULL,
          line_ref text NOT NULL,
          sku text NOT NULL,
          title text NOT NULL,
          category text,
          category_by text,
          quantity bigint NOT NULL,
          net_minor bigint NOT NULL,
          tax_minor bigint NOT NULL,
          discount_minor bigint,
          is_gift_card boolean NOT NULL,
          currency CHAR(3) NOT NULL,
          received_at timestamptz NOT NULL,
          CONSTRAINT pk_order_line PRIMARY KEY (id),
          CONSTRAINT uq_order_line_order_id_line_ref UNIQUE (order_id, line_ref),
          CONSTRAINT ck_order_line_quantity CHECK (quantity BETWEEN 1 AND 1000000),
          CONSTRAINT ck_order_line_amounts CHECK (net_minor BETWEEN 0 AND 100000000000 AND tax_minor BETWEEN 0 AND 100000000000 AND (discount_minor IS NULL OR discount_minor BETWEEN 0 AND 100000000000)),
          CONSTRAINT ck_order_line_category_by CHECK (category_by IN ('catalogue', 'order')),
          CONSTRAINT fk_order_line_order_id_shop_order FOREIGN KEY(order_id, shop_id, currency) REFERENCES shop_order (id, shop_id, currency)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE order_token (
          order_id uuid NOT NULL,
          position bigint NOT NULL,
          result text NOT NULL,
          touch_id uuid,
          CONSTRAINT pk_order_token PRIMARY KEY (order_id, position),
          CONSTRAINT ck_order_token_result CHECK ((result = 'accepted') = (touch_id IS NOT NULL)),
          CONSTRAINT fk_order_token_order_id_shop_order FOREIGN KEY(order_id) REFERENCES shop_order (id),
          CONSTRAINT fk_order_token_touch_id_touch FOREIGN KEY(touch_id) REFERENCES touch (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_order_token_touch ON order_token (touch_id)")
    op.execute(
        """
        CREATE TABLE order_answer (
          id uuid NOT NULL,
          shop_id uuid NOT NULL,
          mode text NOT NULL,
          order_ref text NOT NULL,
          kind text NOT NULL,
          key text NOT NULL,
          content jsonb NOT NULL,
          status bigint NOT NULL,
          body text NOT NULL,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_order_answer PRIMARY KEY (id),
          CONSTRAINT uq_order_answer_shop_id_mode_order_ref_kind_key UNIQUE (shop_id, mode, order_ref, kind, key),
          CONSTRAINT ck_order_answer_kind CHECK (kind IN ('order', 'lines', 'refund', 'cancel')),
          CONSTRAINT fk_order_answer_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE order_echo (
          id uuid NOT NULL,
          order_id uuid NOT NULL,
          shop_id uuid NOT NULL,
          source text NOT NULL,
          differing text[] NOT NULL,
          received_at timestamptz NOT NULL,
          CONSTRAINT pk_order_echo PRIMARY KEY (id),
          CONSTRAINT fk_order_echo_order_id_shop_order FOREIGN KEY(order_id) REFERENCES shop_order (id),
          CONSTRAINT fk_order_echo_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE refund (
          id uuid NOT NULL,
          shop_id uuid NOT NULL,
          mode text NOT NULL,
          order_ref text NOT NULL,
          kind text NOT NULL,
          refund_ref text NOT NULL,
          refunded_at timestamptz NOT NULL,
          received_at timestamptz NOT NULL,
          currency CHAR(3) NOT NULL,
          shipping_net_minor bigint NOT NULL,
          shipping_tax_minor bigint,
          reason text,
          CONSTRAINT pk_refund PRIMARY KEY (id),
          CONSTRAINT uq_refund_shop_id_mode_order_ref_kind_refund_ref UNIQUE (shop_id, mode, order_ref, kind, refund_ref),
          CONSTRAINT ck_refund_mode CHECK (mode IN ('live', 'test')),
          CONSTRAINT ck_refund_kind CHECK (kind IN ('refund', 'cancel')),
          CONSTRAINT ck_refund_refund_ref CHECK ((kind = 'cancel') = (refund_ref = '')),
          CONSTRAINT ck_refund_shipping CHECK (shipping_net_minor BETWEEN 0 AND 100000000000 AND (shipping_tax_minor IS NULL OR shipping_tax_minor BETWEEN 0 AND 100000000000)),
          CONSTRAINT ck_refund_currency CHECK (currency ~ '^[A-Z]{3}$'),
          CONSTRAINT fk_refund_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE refund_line (
          refund_id uuid NOT NULL,
          line_ref text NOT NULL,
          shop_id uuid NOT NULL,
          quantity bigint NOT NULL,
          net_minor bigint NOT NULL,
          tax_minor bigint,
          currency CHAR(3) NOT NULL,
          CONSTRAINT pk_refund_line PRIMARY KEY (refund_id, line_ref),
          CONSTRAINT ck_refund_line_quantity CHECK (quantity BETWEEN 0 AND 1000000),
          CONSTRAINT ck_refund_line_amounts CHECK (net_minor BETWEEN 0 AND 100000000000 AND (tax_minor IS NULL OR tax_minor BETWEEN 0 AND 100000000000)),
          CONSTRAINT fk_refund_line_refund_id_refund FOREIGN KEY(refund_id) REFERENCES refund (id),
          CONSTRAINT fk_refund_line_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE refund_outcome (
          refund_id uuid NOT NULL,
          shop_id uuid NOT NULL,
          order_id uuid,
          position bigint,
          state text NOT NULL,
          reason text,
          at timestamptz NOT NULL,
          CONSTRAINT pk_refund_outcome PRIMARY KEY (refund_id),
          CONSTRAINT ck_refund_outcome_state CHECK (state IN ('applied', 'parked')),
          CONSTRAINT ck_refund_outcome_reason CHECK ((state = 'parked') = (reason IS NOT NULL)),
          CONSTRAINT ck_refund_outcome_applied CHECK (state <> 'applied' OR order_id IS NOT NULL),
          CONSTRAINT uq_refund_outcome_order_id_position UNIQUE (order_id, position),
          CONSTRAINT fk_refund_outcome_refund_id_refund FOREIGN KEY(refund_id) REFERENCES refund (id),
          CONSTRAINT fk_refund_outcome_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id),
          CONSTRAINT fk_refund_outcome_order_id_shop_order FOREIGN KEY(order_id) REFERENCES shop_order (id)
        )
        """
    )


def _attribution() -> None:
    op.execute(
        """
        CREATE TABLE attribution_policy (
          id uuid NOT NULL,
          shop_id uuid,
          version bigint NOT NULL,
          effective_from timestamptz NOT NULL,
          model text NOT NULL,
          code_rule text NOT NULL,
          guard_seconds bigint NOT NULL,
          created_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_attribution_policy PRIMARY KEY (id),
          CONSTRAINT uq_attribution_policy_shop_id_version UNIQUE NULLS NOT DISTINCT (shop_id, version),
          CONSTRAINT ck_attribution_policy_model CHECK (model = 'last'),
          CONSTRAINT ck_attribution_policy_code_rule CHECK (code_rule IN ('override', 'ignore')),
          CONSTRAINT ck_attribution_policy_guard_seconds CHECK (guard_seconds BETWEEN 0 AND 86400),
          CONSTRAINT fk_attribution_policy_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE attribution (
          id uuid NOT NULL,
          order_id uuid NOT NULL,
          shop_id uuid NOT NULL,
          n bigint NOT NULL,
          state text NOT NULL,
          decided_by text NOT NULL,
          model text NOT NULL,
          policy_id uuid NOT NULL,
          adviser_id uuid,
          offer_id uuid,
          link_id uuid,
          touch_id uuid,
          code_id uuid,
          terms_id uuid,
          receipt jsonb NOT NULL,
          decided_at timestamptz NOT NULL,
          recorded_at timestamptz DEFAULT now() NOT NULL,
          CONSTRAINT pk_attribution PRIMARY KEY (id),
          CONSTRAINT uq_attribution_order_id_n UNIQUE (order_id, n),
          CONSTRAINT ck_attribution_n CHECK (n >= 1),
          CONSTRAINT ck_attribution_state CHECK (state IN ('provisional', 'decided', 'final')),
          CONSTRAINT ck_attribution_decided_by CHECK (decided_by IN ('intake', 'worker', 'approval')),
          CONSTRAINT ck_attribution_winner CHECK ((adviser_id IS NULL) = (terms_id IS NULL) AND (adviser_id IS NULL) = (offer_id IS NULL) AND (adviser_id IS NOT NULL OR (touch_id IS NULL AND code_id IS NULL AND link_id IS NULL)) AND (adviser_id IS NULL OR touch_id IS NOT NULL OR code_id IS NOT NULL)),
          CONSTRAINT fk_attribution_order_id_shop_order FOREIGN KEY(order_id) REFERENCES shop_order (id),
          CONSTRAINT fk_attribution_shop_id_shop FOREIGN KEY(shop_id) REFERENCES shop (id),
          CONSTRAINT fk_attribution_policy_id_attribution_policy FOREIGN KEY(policy_id) REFERENCES attribution_policy (id),
          CONSTRAINT fk_attribution_adviser_id_adviser FOREIGN KEY(adviser_id) REFERENCES adviser (id),
          CONSTRAINT fk_attribution_offer_id_offer FOREIGN KEY(offer_id) REFERENCES offer (id),
          CONSTRAINT fk_attribution_link_id_tracked_link FOREIGN KEY(link_id) REFERENCES tracked_link (id),
          CONSTRAINT fk_attribution_touch_id_touch FOREIGN KEY(touch_id) REFERENCES touch (id),
          CONSTRAINT fk_attribution_code_id_discount_code FOREIGN KEY(code_id) REFERENCES discount_code (id),
          CONSTRAINT fk_attribution_terms_id_commission_terms FOREIGN KEY(terms_id) REFERENCES commission_terms (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_attribution_adviser_id ON attribution (adviser_id)")
    op.execute(
        "CREATE INDEX ix_attribution_provisional ON attribution (order_id, n) WHERE state = 'provisional'"
    )
    op.execute("CREATE INDEX ix_attribution_touch_id ON attribution (touch_id)")
    op.execute(
        "CREATE INDEX ix_attribution_unscreened ON attribution (order_id, n) WHERE decided_by = 'worker' AND receipt -> 'unscreened' <> '[]'"
    )
    op.execute("CREATE UNIQUE INDEX uq_attribution_final ON attribution (order_id) WHERE state = 'final'")
    # The platform's own first policy: the last eligible touch takes all, a code overrides clicks, no guard.
    op.execute(
        """
        INSERT INTO attribution_policy (id, shop_id, version, effective_from, model, code_rule, guard_seconds)
        VALUES ('00000000-0000-7000-8000-000000000001', NULL, 1, '2000-01-01 00:00:00+00', 'last', 'override', 0)
        """
    )


def _commissions() -> None:
    op.execute(
        """
        CREATE TABLE commission (
          id uuid NOT NULL,
          order_id uuid NOT NULL,
          shop_id uuid NOT NULL,
          adviser_id uuid NOT NULL,
          offer_id uuid NOT NULL,
          currency CHAR(3) NOT NULL,
          mode text NOT NULL,
          created_at timestamptz NOT NULL,
          CONSTRAINT pk_commission PRIMARY KEY (id),
          CONSTRAINT uq_commission_order_id_adviser_id UNIQUE (order_id, adviser_id),
          CONSTRAINT uq_commission_id_currency UNIQUE (id, currency),
          CONSTRAINT fk_commission_order_id_shop_order FOREIGN KEY(order_id, shop_id, currency) REFERENCES shop_order (id, shop_id, currency),
          CONSTRAINT ck_commission_mode CHECK (mode IN ('live', 'test')),
          CONSTRAINT fk_commission_adviser_id_adviser FOREIGN KEY(adviser_id) REFERENCES adviser (id),
          CONSTRAINT fk_commission_offer_id_offer FOREIGN KEY(offer_id) REFERENCES offer (id)
        )
        """
    )
    op.execute("CREATE INDEX ix_commission_adviser_page ON commission (adviser_id, created_at, id)")
    op.execute("CREATE INDEX ix_commission_shop_page ON commission (shop_id, created_at, id)")
    op.execute(
        """
        CREATE TABLE commission_move (
          id uuid NOT NULL,
          commission_id uuid NOT NULL,
          seq integer NOT NULL,
          kind text NOT NULL,
          delta_minor bigint NOT NULL,
          standing_minor bigint NOT NULL,
          currency CHAR(3) NOT NULL,
          cause text NOT NULL,
          terms_id uuid NOT NULL,
          at timestamptz NOT NULL,
          recorded_at timestamptz DEFAULT now() NOT NULL,
          detail jsonb NOT NULL,
          CONSTRAINT pk_commission_move PRIMARY KEY (id),
          CONSTRAINT uq_commission_move_commission_id_seq UNIQUE (commission_id, seq),
          CONSTRAINT ck_commission_move_seq CHECK (seq >= 1),
          CONSTRAINT ck_commission_move_standing CHECK (standing_minor >= 0),
          CONSTRAINT ck_commission_move_kind CHECK (CASE kind WHEN 'earned' THEN delta_minor > 0 WHEN 'approved' THEN delta_minor = 0 WHEN 'declined' THEN delta_minor < 0 AND standing_minor = 0 WHEN 'reversed' THEN delta_minor < 0 ELSE false END),
          CONSTRAINT fk_commission_move_commission_id_commission FOREIGN KEY(commission_id, currency) REFERENCES commission (id, currency),
          CONSTRAINT fk_commission_move_terms_id_commission_terms FOREIGN KEY(terms_id) REFERENCES commission_terms (id)
        )
        """
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_commission_move_verdict ON commission_move (commission_id) WHERE kind IN ('approved', 'declined')"
    )
