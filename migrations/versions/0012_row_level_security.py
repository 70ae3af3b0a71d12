"""Row-level security on everything that belongs to a shop, an adviser or a person; the second lock behind services.

Locks: ACCESS EXCLUSIVE for an instant on every table, one after the other in one transaction; the lock timeout of
migrations (4 s) gives up rather than make visitors wait.
"""

from __future__ import annotations

from alembic import op

from migrations.grants import grant, grant_execute
from migrations.row_security import (
    ACTOR,
    ADVISER,
    adviser,
    either,
    enable,
    open_up,
    permit,
    person,
    role,
    shop,
)

revision = "0012"
# It came after those two, whatever the numbers say.
down_revision = "0014"
branch_labels = None
depends_on = None

# "watch" measures what is due, in demo and test mode; it sees what the platform sees.
PLATFORM = role("finance", "admin", "watch")
# What happens before an actor is known: signing up and in, sessions, keys, links of mails, invitations.
DOOR = role("door")
IS_ADVISER = f"{ADVISER} IS NOT NULL"
OF_SHOP = either(shop(), PLATFORM)
OF_ADVISER = either(adviser(), PLATFORM)
OF_BOTH = either(shop(), adviser(), PLATFORM)
OF_PERSON = either(person(), DOOR)
# Functions and not nested conditions: a policy whose conditions look at tables with policies of their own is planned
# anew for each of them, and a list of orders then took 25 ms to plan.
TOOK_PART = "adviser_took_part({column})"
# Lists of orders go over these two tables whole, where a function a row is dear; the planner makes hashes of these.
_OTHERS = f"receipt -> 'others' @> jsonb_build_array(jsonb_build_object('adviser_id', {ADVISER}))"
NAMED = either(
    adviser("attribution.adviser_id"),
    f"attribution.{_OTHERS}",
    f"EXISTS (SELECT FROM commission c WHERE c.order_id = attribution.order_id AND {adviser('c.adviser_id')})",
)
ORDER_OF_ADVISER = either(
    f"EXISTS (SELECT FROM commission c WHERE c.order_id = shop_order.id AND {adviser('c.adviser_id')})",
    f"EXISTS (SELECT FROM attribution a WHERE a.order_id = shop_order.id"
    f" AND ({adviser('a.adviser_id')} OR a.{_OTHERS}))",
)
ORDER_SEEN = "EXISTS (SELECT FROM shop_order o WHERE o.id = {table}.order_id)"
COLLEAGUE = (
    "EXISTS (SELECT FROM membership m WHERE m.user_id = {column} AND m.removed_at IS NULL"
    f" AND {shop('m.shop_id')})"
)


def _optional(condition: str, column: str) -> str:
    return f"({column} IS NULL OR {condition})"


def _beside_orders(column: str) -> str:
    """Return who sees what hangs on an order: its shop, the platform, and an adviser who took part."""
    return either(OF_SHOP, f"{IS_ADVISER} AND " + TOOK_PART.format(column=column))


def _beside_refunds(column: str) -> str:
    return either(OF_SHOP, f"{IS_ADVISER} AND adviser_sees_refund({column})")


_BOUND = f"{person()} AND {_optional(shop(), 'shop_id')} AND {_optional(adviser(), 'adviser_id')}"
_KEYS = either(person(), shop(), DOOR)
# Only what the tables' grants let the web role do at all: (table, kind, rows that are there, rows that it may write).
APP: tuple[tuple[str, str, str | None, str | None], ...] = (
    # Core
    ("audit_event", "select", either(person(), shop(), role("finance", "admin")), None),
    # Nobody writes history in somebody else's name; advisers act at shops that are not theirs.
    (
        "audit_event",
        "insert",
        None,
        either(
            DOOR,
            f"({_optional(person(), 'user_id')}) AND"
            f" (shop_id IS NULL OR {shop()} OR {IS_ADVISER} OR {role('finance', 'admin')})",
        ),
    ),
    ("mail_message", "select", role("watch"), None),
    ("mail_message", "insert", None, "sent_at IS NULL AND last_error IS NULL AND attempts = 0"),
    # Accounts
    (
        "user_account",
        "select",
        either(person("id"), COLLEAGUE.format(column="user_account.id"), role("door", "admin")),
        None,
    ),
    ("user_account", "insert", None, DOOR),
    ("user_account", "update", either(person("id"), role("door", "admin")), None),
    ("recovery_code", "all", OF_PERSON, None),
    ("auth_session", "all", OF_PERSON, None),
    ("email_token", "all", OF_PERSON, None),
    ("shop", "select", either(shop("id"), PLATFORM), None),
    ("shop", "insert", None, shop("id")),
    ("shop", "update", shop("id"), None),
    ("shop_contract", "select", OF_SHOP, None),
    # The first contract is the one that everybody gets; another one is made by people of the platform.
    ("shop_contract", "insert", None, f"{shop()} AND version = 1 AND fee_bp = 1000"),
    ("shop_domain", "select", OF_SHOP, None),
    ("shop_domain", "insert", None, f"{shop()} AND verified_at IS NULL"),
    ("shop_domain", "update", shop(), None),
    ("membership", "select", either(person(), shop(), role("door", "admin")), None),
    ("membership", "insert", None, either(DOOR, f"{shop()} AND {person()}")),
    ("membership", "update", either(shop(), DOOR), None),
    ("invitation", "select", either(shop(), DOOR), None),
    ("invitation", "insert", None, f"{shop()} AND {person('invited_by')}"),
    ("invitation", "update", either(shop(), DOOR), None),
    (
        "adviser",
        "select",
        either(
            person(),
            adviser("id"),
            COLLEAGUE.format(column="adviser.user_id"),
            role("finance", "admin", "watch", "door"),
        ),
        None,
    ),
    ("adviser", "insert", None, OF_PERSON),
    ("adviser", "update", either(person(), role("admin")), None),
    # In which state an adviser was on which day is asked by every shop that judges a click.
    ("adviser_state", "select", "true", None),
    (
        "adviser_state",
        "insert",
        None,
        either(
            role("door", "admin"),
            f"EXISTS (SELECT FROM adviser a WHERE a.id = adviser_state.adviser_id AND {person('a.user_id')})",
        ),
    ),
    ("api_key", "select", _KEYS, None),
    ("api_key", "insert", None, _BOUND),
    ("api_key", "update", _KEYS, None),
    ("agreement", "select", either(person(), shop()), None),
    ("agreement", "insert", None, _BOUND),
    # Catalogue: what is published is there for advisers, and for everybody on public pages, which look as nobody.
    ("feed_job", "select", OF_SHOP, None),
    ("feed_job", "insert", None, shop()),
    (
        "feed_chunk",
        "insert",
        None,
        f"EXISTS (SELECT FROM feed_job j WHERE j.id = feed_chunk.job_id AND {shop('j.shop_id')})",
    ),
    ("feed_row", "select", OF_SHOP, None),
    ("product", "select", either(OF_SHOP, f"retired_at IS NULL AND ({IS_ADVISER} OR {ACTOR} IS NULL)"), None),
    # Offers
    ("offer", "select", either(OF_SHOP, f"state <> 'draft' AND {IS_ADVISER}"), None),
    ("offer", "insert", None, shop()),
    # An adviser who joins holds the offer open meanwhile, which takes a lock, and changes nothing of it.
    ("offer", "update", either(shop(), f"state = 'open' AND {IS_ADVISER}"), shop()),
    ("offer_state", "select", OF_SHOP, None),
    ("offer_state", "insert", None, shop()),
    (
        "commission_terms",
        "select",
        either(
            OF_SHOP, f"{IS_ADVISER} AND EXISTS (SELECT FROM offer o WHERE o.id = commission_terms.offer_id)"
        ),
        None,
    ),
    ("commission_terms", "insert", None, shop()),
    ("partnership", "select", OF_BOTH, None),
    ("partnership", "insert", None, adviser()),
    ("partnership", "update", either(shop(), adviser()), None),
    ("partnership_event", "select", OF_BOTH, None),
    ("partnership_event", "insert", None, either(shop(), adviser())),
    # Links and touches
    ("tracked_link", "select", OF_BOTH, None),
    ("tracked_link", "insert", None, adviser()),
    ("tracked_link", "update", either(adviser(), role("admin")), None),
    ("discount_code", "select", OF_BOTH, None),
    ("discount_code", "insert", None, shop()),
    ("discount_code", "update", shop(), None),
    ("click_tally", "select", "EXISTS (SELECT FROM tracked_link l WHERE l.id = click_tally.link_id)", None),
    ("own_device", "insert", None, adviser()),
    ("touch", "select", OF_BOTH, None),
    ("touch", "insert", None, shop()),
    ("touch_screening", "select", "EXISTS (SELECT FROM touch t WHERE t.id = touch_screening.touch_id)", None),
    # Orders
    ("shop_order", "select", either(OF_SHOP, f"{IS_ADVISER} AND ({ORDER_OF_ADVISER})"), None),
    ("shop_order", "insert", None, shop()),
    ("shop_order", "update", shop(), None),
    ("order_line", "select", _beside_orders("order_id"), None),
    ("order_line", "insert", None, shop()),
    ("order_token", "select", ORDER_SEEN.format(table="order_token"), None),
    (
        "order_token",
        "insert",
        None,
        f"EXISTS (SELECT FROM shop_order o WHERE o.id = order_token.order_id AND {shop('o.shop_id')})",
    ),
    ("order_answer", "all", shop(), None),
    ("order_echo", "all", shop(), None),
    ("refund", "select", _beside_refunds("id"), None),
    ("refund", "insert", None, shop()),
    ("refund_line", "select", _beside_refunds("refund_id"), None),
    ("refund_line", "insert", None, shop()),
    ("refund_outcome", "select", _beside_orders("order_id"), None),
    ("refund_outcome", "insert", None, shop()),
    ("attribution_policy", "select", either("shop_id IS NULL", OF_SHOP), None),
    ("attribution", "select", either(OF_SHOP, f"{IS_ADVISER} AND ({NAMED})"), None),
    ("attribution", "insert", None, shop()),
    ("commission", "select", OF_BOTH, None),
    ("commission", "insert", None, shop()),
    ("commission", "update", shop(), None),
    (
        "commission_move",
        "select",
        either(PLATFORM, "EXISTS (SELECT FROM commission c WHERE c.id = commission_move.commission_id)"),
        None,
    ),
    (
        "commission_move",
        "insert",
        None,
        f"EXISTS (SELECT FROM commission c WHERE c.id = commission_move.commission_id AND {shop('c.shop_id')})",
    ),
    # The books
    ("account", "select", either(shop("owner"), adviser("owner"), PLATFORM), None),
    (
        "balance",
        "select",
        either(PLATFORM, "EXISTS (SELECT FROM account a WHERE a.id = balance.account_id)"),
        None,
    ),
    (
        "posting",
        "select",
        either(PLATFORM, "EXISTS (SELECT FROM account a WHERE a.id = posting.account_id)"),
        None,
    ),
    ("entry", "select", either(PLATFORM, "EXISTS (SELECT FROM posting p WHERE p.entry_id = entry.id)"), None),
    ("funding", "select", OF_SHOP, None),
    ("funding", "insert", None, shop()),
    ("funding", "update", shop(), None),
    ("accrual", "select", OF_BOTH, None),
    ("accrual_set_aside", "select", PLATFORM, None),
    ("accrual_due", "select", PLATFORM, None),
    # Settlement
    ("payout_account", "select", OF_ADVISER, None),
    ("payout_account", "insert", None, adviser()),
    ("payout_account", "update", adviser(), None),
    ("payout_destination_change", "select", OF_ADVISER, None),
    ("payout_destination_change", "insert", None, adviser()),
    ("bank_payout", "select", OF_ADVISER, None),
    ("stripe_event", "select", role("webhook", "watch"), None),
    ("stripe_event", "insert", None, role("webhook")),
    ("stripe_movement", "select", PLATFORM, None),
    ("recon_break", "select", PLATFORM, None),
    ("balance_tx", "select", PLATFORM, None),
    ("recon_certificate", "select", PLATFORM, None),
    ("recon_import", "select", PLATFORM, None),
    ("recon_import", "insert", None, role("finance")),
    ("payout_run", "select", PLATFORM, None),
    (
        "payout_run",
        "insert",
        None,
        f"{role('finance')} AND {person('created_by')} AND state = 'draft' AND approved_by IS NULL"
        " AND executed_by IS NULL AND executed_at IS NULL AND finished_at IS NULL",
    ),
    (
        "payout_run",
        "update",
        role("finance"),
        f"{role('finance')} AND {_optional(person('executed_by'), 'executed_by')}",
    ),
    ("payout_run_number", "all", role("finance"), None),
    ("payout_freeze", "select", PLATFORM, None),
    ("payout_freeze", "update", role("finance"), None),
    ("transfer_booking", "select", PLATFORM, None),
    ("transfer_booking", "insert", None, f"{role('finance')} AND {person('asked_by')}"),
    ("transfer_booking", "update", role("finance"), None),
    ("payout", "select", OF_ADVISER, None),
    ("payout_line", "select", OF_ADVISER, None),
    ("payout_attempt", "select", PLATFORM, None),
    ("statement", "select", OF_ADVISER, None),
)
# The worker does everybody's work; what it may do with a table is said by its grants.
WORKER = (
    "audit_event", "mail_message", "user_account", "shop", "shop_contract", "shop_domain", "membership", "adviser",
    "adviser_state", "agreement", "feed_job", "feed_chunk", "feed_row", "product", "offer", "offer_state",
    "commission_terms", "partnership", "partnership_event", "tracked_link", "discount_code", "click_tally",
    "own_device", "touch", "touch_screening", "shop_order", "order_line", "order_token", "order_answer", "order_echo",
    "refund", "refund_line", "refund_outcome", "attribution_policy", "attribution", "commission", "commission_move",
    "account", "balance", "posting", "entry", "funding", "accrual", "accrual_set_aside", "payout_account",
    "payout_destination_change", "bank_payout", "stripe_event", "stripe_movement", "recon_break", "balance_tx",
    "recon_certificate", "recon_import", "payout_run", "payout_run_number", "payout", "payout_line", "payout_attempt",
    "statement", "payout_freeze", "transfer_booking", "accrual_due",
)  # fmt: skip
TABLES = tuple(dict.fromkeys([*(one[0] for one in APP), *WORKER]))
INVOKERS = ("accrual_unposted", "accrual_stuck")

# What everybody may know stands in views, because a row is either there or not: one can't hide a column of it.
VIEWS = """
CREATE VIEW public_shop WITH (security_barrier) AS SELECT id, state FROM shop;
CREATE VIEW public_host WITH (security_barrier) AS
  SELECT shop_id, host, verified_at FROM shop_domain WHERE verified_at IS NOT NULL;
CREATE VIEW public_adviser WITH (security_barrier) AS
  SELECT id, code, display_name, kind, country, state FROM adviser;
CREATE VIEW link_standing WITH (security_invoker) AS
SELECT l.id AS link_id,
  CASE
    WHEN a.state = 'banned' THEN 'banned'
    WHEN l.disabled_at IS NOT NULL THEN 'disabled'
    WHEN p.state <> 'accepted' THEN 'left'
    WHEN o.state <> 'open' OR a.state <> 'active' OR s.state IN ('closing', 'closed') THEN 'paused'
    ELSE 'live'
  END AS standing
FROM tracked_link l
JOIN public_shop s ON s.id = l.shop_id
JOIN public_adviser a ON a.id = l.adviser_id
JOIN offer o ON o.id = l.offer_id
JOIN partnership p ON p.id = l.partnership_id
"""
# A click token names a link of some shop: whether it is one of ours at all is no secret to who holds a signed token.
LINK_KNOWN = """
CREATE FUNCTION tracked_link_known(link uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS
'SELECT EXISTS (SELECT FROM tracked_link l WHERE l.id = link)'
"""
# Whether the adviser who acts took part in an order: with a commission, or named in a decision about it, now or before.
ADVISERS_ORDERS = """
CREATE FUNCTION adviser_took_part(an_order uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  me uuid := nullif(current_setting('app.adviser_id', true), '')::uuid;
BEGIN
  RETURN EXISTS (SELECT FROM commission c WHERE c.order_id = an_order AND c.adviser_id = me)
    OR EXISTS (SELECT FROM attribution a WHERE a.order_id = an_order AND (a.adviser_id = me
                 OR a.receipt -> 'others' @> jsonb_build_array(jsonb_build_object('adviser_id', me::text))));
END $$;
CREATE FUNCTION adviser_sees_refund(a_refund uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  RETURN EXISTS (SELECT FROM refund_outcome o WHERE o.refund_id = a_refund AND adviser_took_part(o.order_id));
END $$
"""
# Four eyes, in the database: whoever approves is the one who acts, is of finance now, and did not make the run.
APPROVER = """
CREATE FUNCTION payout_run_approver() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.approved_by IS DISTINCT FROM nullif(current_setting('app.actor', true), '')::uuid
     OR NEW.approved_by = NEW.created_by
     OR NOT EXISTS (SELECT FROM user_account u
                     WHERE u.id = NEW.approved_by AND u.role = 'finance' AND u.suspended_at IS NULL) THEN
    RAISE EXCEPTION 'payout run % is approved by a second person of finance, who acts', NEW.number
      USING ERRCODE = '23514', TABLE = 'payout_run', CONSTRAINT = 'payout_run_approver';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payout_run_approver BEFORE UPDATE OF approved_by ON payout_run FOR EACH ROW
  WHEN (NEW.approved_by IS NOT NULL) EXECUTE FUNCTION payout_run_approver();
ALTER TABLE payout_run ENABLE ALWAYS TRIGGER payout_run_approver
"""
# The lock opens accounts and holds balances of whoever is named, so only finance may ask for it.
LOCK = """
CREATE OR REPLACE FUNCTION payout_run_lock(run uuid, advisers uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  cur char(3);
BEGIN{check}
  SELECT r.currency INTO STRICT cur FROM payout_run r WHERE r.id = run FOR UPDATE;
  PERFORM ledger_open_accounts(
    array_fill('adviser\\:in_transit'::text, ARRAY[cardinality(advisers)]), advisers,
    array_fill(cur::text, ARRAY[cardinality(advisers)])) WHERE cardinality(advisers) > 0;
  PERFORM ledger_lock(array(
    SELECT a.id FROM account a WHERE a.owner = ANY (advisers) AND a.currency = cur
      AND a.kind IN ('adviser\\:available', 'adviser\\:in_transit', 'adviser\\:receivable')));
END $$
"""
FINANCE_ONLY = """
  IF current_setting('app.role', true) IS DISTINCT FROM 'finance' THEN
    RAISE EXCEPTION 'only finance reserves money for payouts' USING ERRCODE = '42501';
  END IF;"""
# What of a person the worker writes mails and counts promises with; no hash, no seed, no session key.
SEEN_OF_PEOPLE = "id, email, email_key, name, locale, role, created_at"


def upgrade() -> None:
    """Lock every table that belongs to somebody, and close what stood open beside it."""
    op.execute(ADVISERS_ORDERS)
    grant_execute(op, "app", "adviser_took_part(uuid)", "adviser_sees_refund(uuid)")
    enable(op, *TABLES)
    for table, kind, using, check in APP:
        permit(op, table, "app", kind, using, check)
    for table in WORKER:
        permit(op, table, "worker", "all", "true")
    for view in INVOKERS:
        op.execute(f"ALTER VIEW {view} SET (security_invoker = true)")
    op.execute(VIEWS)
    grant(op, "app", "SELECT", "public_shop", "public_host", "public_adviser", "link_standing")
    op.execute(LINK_KNOWN)
    grant_execute(op, "app", "tracked_link_known(uuid)")
    op.execute(LOCK.format(check=FINANCE_ONLY))
    op.execute(APPROVER)
    op.execute("REVOKE ALL ON FUNCTION payout_run_approver() FROM PUBLIC")
    op.execute("REVOKE SELECT ON mail_message, stripe_event, own_device FROM aanrader_app")
    grant(op, "app", "SELECT (sent_at, attempts)", "mail_message")
    grant(op, "app", "SELECT (id, source, event_id, handled_at, next_try_at)", "stripe_event")
    op.execute("REVOKE SELECT ON user_account FROM aanrader_worker")
    grant(op, "worker", f"SELECT ({SEEN_OF_PEOPLE})", "user_account")


def downgrade() -> None:
    """Leave the services as the only lock, with the rights of before."""
    op.execute(f"REVOKE SELECT ({SEEN_OF_PEOPLE}) ON user_account FROM aanrader_worker")
    op.execute("REVOKE SELECT (sent_at, attempts) ON mail_message FROM aanrader_app")
    op.execute(
        "REVOKE SELECT (id, source, event_id, handled_at, next_try_at) ON stripe_event FROM aanrader_app"
    )
    grant(op, "worker", "SELECT", "user_account")
    grant(op, "app", "SELECT", "mail_message", "stripe_event", "own_device")
    op.execute("DROP TRIGGER payout_run_approver ON payout_run")
    op.execute("DROP FUNCTION payout_run_approver()")
    op.execute(LOCK.format(check=""))
    op.execute("DROP FUNCTION tracked_link_known(uuid)")
    for view in ("link_standing", "public_adviser", "public_host", "public_shop"):
        op.execute(f"DROP VIEW {view}")
    for view in INVOKERS:
        op.execute(f"ALTER VIEW {view} RESET (security_invoker)")
    open_up(op, *TABLES)
    op.execute("DROP FUNCTION adviser_sees_refund(uuid)")
    op.execute("DROP FUNCTION adviser_took_part(uuid)")
