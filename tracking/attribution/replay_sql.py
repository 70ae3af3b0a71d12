"""The rule of `decision.decide` said in SQL, over sets of orders; what it leaves to a second, fuller look it says.

Two statements share their beginning. QUICK looks at the latest touch of each visitor only, which settles every order
without a code whose latest touch is fit and no young click. FULL looks at all touches of the orders that are left.
"""

# Per offer and adviser the spans in which a touch or a code counts, each with the terms in force. Before an adviser's
# first state that state holds, before the first of anything else nothing counts; of two changes at one instant the
# larger id is the later one. A day of a window has 24 hours, whatever the zone of the session.
_SPANS = """
adviser_span AS (
  SELECT adviser_id, state, lead(from_at, 1, 'infinity') OVER w AS to_at,
    CASE WHEN lag(id) OVER w IS NULL THEN '-infinity' ELSE from_at END AS from_at
  FROM adviser_state WINDOW w AS (PARTITION BY adviser_id ORDER BY from_at, id)
), offer_span AS (
  SELECT offer_id, state, from_at, lead(from_at, 1, 'infinity') OVER w AS to_at
  FROM offer_state WHERE shop_id IN (SELECT shop_id FROM shops)
  WINDOW w AS (PARTITION BY offer_id ORDER BY from_at, id)
), pair_span AS (
  SELECT offer_id, adviser_id, state, from_at, lead(from_at, 1, 'infinity') OVER w AS to_at
  FROM partnership_event WHERE shop_id IN (SELECT shop_id FROM shops)
  WINDOW w AS (PARTITION BY offer_id, adviser_id ORDER BY from_at, id)
), terms_span AS (
  SELECT offer_id, id, make_interval(hours => 24 * CAST(window_days AS integer)) AS click_window,
    CAST(document ->> 'own_shop' AS boolean) AS own_shop,
    effective_from AS from_at, lead(effective_from, 1, 'infinity') OVER w AS to_at
  FROM commission_terms WHERE shop_id IN (SELECT shop_id FROM shops)
  WINDOW w AS (PARTITION BY offer_id ORDER BY effective_from, version)
), fit AS MATERIALIZED (
  SELECT * FROM (
    SELECT p.offer_id, p.adviser_id, t.id AS terms_id, t.click_window, t.own_shop,
      greatest(p.from_at, a.from_at, o.from_at, t.from_at) AS from_at,
      least(p.to_at, a.to_at, o.to_at, t.to_at) AS to_at
    FROM pair_span p
    JOIN adviser_span a ON a.adviser_id = p.adviser_id AND a.state = 'active'
    JOIN offer_span o ON o.offer_id = p.offer_id AND o.state = 'open'
    JOIN terms_span t ON t.offer_id = p.offer_id
    WHERE p.state = 'accepted') spans
  WHERE from_at < to_at
), link_fit AS MATERIALIZED (
  SELECT l.id AS link_id, f.offer_id, f.adviser_id, f.terms_id, f.click_window, f.own_shop, f.from_at,
    least(f.to_at, l.disabled_at) AS to_at
  FROM tracked_link l JOIN fit f ON f.offer_id = l.offer_id AND f.adviser_id = l.adviser_id
), own AS MATERIALIZED (
  SELECT m.shop_id, a.id AS adviser_id, m.created_at AS from_at, coalesce(m.removed_at, 'infinity') AS to_at
  FROM membership m JOIN adviser a ON a.user_id = m.user_id
)"""

# Orders whose decision stands, each with that decision and the policy that judges it: the shop's own where one was in
# force when the order was placed, else the platform's.
_PICKED = """
policy AS (
  SELECT shop_id, code_rule, make_interval(secs => guard_seconds) AS guard, effective_from AS from_at,
    lead(effective_from, 1, 'infinity') OVER (PARTITION BY shop_id ORDER BY effective_from, version) AS to_at
  FROM attribution_policy
), platform_policy AS MATERIALIZED (
  SELECT * FROM policy WHERE shop_id IS NULL
), shop_policy AS MATERIALIZED (
  SELECT * FROM policy WHERE shop_id IS NOT NULL
), asked AS MATERIALIZED (
  SELECT o.id, o.shop_id, o.mode, o.customer_key, o.ordered_at, least(o.ordered_at, o.received_at) AS counts_at, o.code
  FROM shop_order o WHERE {which}
), picked AS MATERIALIZED (
  SELECT o.*, coalesce(s.guard, g.guard) AS guard, coalesce(s.code_rule, g.code_rule) AS code_rule,
    a.recorded_at AS known_at, a.adviser_id, a.offer_id, a.link_id, a.touch_id, a.code_id, a.terms_id
  FROM asked o
  CROSS JOIN LATERAL (SELECT * FROM attribution a WHERE a.order_id = o.id ORDER BY a.n DESC LIMIT 1) a
  LEFT JOIN shop_policy s ON s.shop_id = o.shop_id AND o.ordered_at >= s.from_at AND o.ordered_at < s.to_at
  LEFT JOIN platform_policy g ON o.ordered_at >= g.from_at AND o.ordered_at < g.to_at
  WHERE a.state <> 'provisional'
), shops AS MATERIALIZED (
  SELECT DISTINCT shop_id FROM picked
)"""

# What each order knows by its tokens and by those of its customer's earlier orders, then all touches of the visitors
# that are known by it. Customers and visitors are looked up sorted: neighbours lie on one page of the index.
_LOOKED = """
seen AS MATERIALIZED (
  SELECT p.id AS order_id, p.shop_id, p.counts_at, t.visitor_id, t.id, t.ts, t.link_id
  FROM picked p JOIN order_token k ON k.order_id = p.id JOIN touch t ON t.id = k.touch_id AND t.shop_id = p.shop_id
  UNION ALL
  SELECT p.id, p.shop_id, p.counts_at, t.visitor_id, t.id, t.ts, t.link_id
  FROM (
    SELECT id, shop_id, mode, customer_key, ordered_at, counts_at FROM picked WHERE customer_key IS NOT NULL
    ORDER BY shop_id, customer_key) p
  CROSS JOIN LATERAL (
    SELECT t.* FROM (
      SELECT e.id FROM shop_order e
      WHERE e.shop_id = p.shop_id AND e.mode = p.mode AND e.customer_key = p.customer_key
        AND e.ordered_at <= p.ordered_at AND e.id <> p.id
      ORDER BY e.ordered_at DESC LIMIT 100) e
    JOIN order_token k ON k.order_id = e.id JOIN touch t ON t.id = k.touch_id AND t.shop_id = p.shop_id OFFSET 0) t
), looked AS (
  SELECT v.order_id, h.id, h.ts, h.link_id
  FROM (
    SELECT DISTINCT shop_id, visitor_id, order_id, counts_at FROM seen WHERE visitor_id IS NOT NULL
    ORDER BY shop_id, visitor_id) v
  CROSS JOIN LATERAL (
    SELECT t.id, t.ts, t.link_id FROM touch t
    WHERE t.shop_id = v.shop_id AND t.visitor_id = v.visitor_id AND t.ts <= v.counts_at
    ORDER BY t.ts DESC, t.id DESC LIMIT {most}) h
  UNION ALL
  SELECT order_id, id, ts, link_id FROM seen WHERE visitor_id IS NULL AND ts <= counts_at
)"""

# A touch with all that is asked of it; terms_id is empty when it can't get the order. What was refused at the edge is
# little, and has an index of its own.
_WEIGHED = """
SELECT p.id AS order_id, h.id, h.ts, h.link_id, f.offer_id, f.adviser_id, h.ts <= p.counts_at - p.guard AS is_old,
  CASE WHEN s.touch_id IS NULL AND (f.own_shop OR w.adviser_id IS NULL) THEN f.terms_id END AS terms_id
FROM {touches} h
JOIN picked p ON p.id = h.order_id
LEFT JOIN touch_screening s ON s.touch_id = h.id AND s.verdict <> 'qualified'
LEFT JOIN link_fit f ON f.link_id = h.link_id AND h.ts >= f.from_at AND h.ts < f.to_at
  AND p.counts_at < h.ts + f.click_window
LEFT JOIN own w ON w.shop_id = p.shop_id AND w.adviser_id = f.adviser_id
  AND w.from_at <= p.known_at AND w.to_at > p.known_at"""
_STORED = "p.adviser_id, p.offer_id, p.link_id, p.touch_id, p.code_id, p.terms_id"
_ANSWER = """
SELECT c.orders, c.last_id, d.*
FROM (SELECT count(*) AS orders, (SELECT id FROM asked ORDER BY id DESC LIMIT 1) AS last_id FROM picked) c
LEFT JOIN outcome d ON true"""

_BEFORE = f"WITH {_PICKED}, {_SPANS}, {_LOOKED}"
_ONE_SLICE = """
(CAST(:shop_id AS uuid) IS NULL OR o.shop_id = :shop_id)
  AND o.ordered_at >= coalesce(CAST(:since AS timestamptz), '-infinity')
  AND o.ordered_at < coalesce(CAST(:until AS timestamptz), 'infinity')
  AND o.id > :after ORDER BY o.id LIMIT :limit"""

QUICK = "".join(
    (
        _BEFORE.format(which=_ONE_SLICE, most=1),
        f""", last AS (
  SELECT DISTINCT ON (order_id) * FROM looked ORDER BY order_id, ts DESC, id DESC
), weighed AS ({_WEIGHED.format(touches="last")}
), settled AS (
  SELECT p.*, w.adviser_id AS now_adviser, w.offer_id AS now_offer, w.link_id AS now_link, w.id AS now_touch,
    w.terms_id AS now_terms,
    p.code IS NULL AND (w.order_id IS NULL OR (w.terms_id IS NOT NULL AND w.is_old)) AS is_settled
  FROM picked p LEFT JOIN weighed w ON w.order_id = p.id
), outcome AS (
  SELECT p.id, p.is_settled, {_STORED}, p.now_adviser, p.now_offer, p.now_link, p.now_touch, NULL, p.now_terms
  FROM settled p
  WHERE NOT p.is_settled OR (p.adviser_id, p.offer_id, p.link_id, p.touch_id, p.code_id, p.terms_id)
    IS DISTINCT FROM (p.now_adviser, p.now_offer, p.now_link, p.now_touch, NULL, p.now_terms)
){_ANSWER}""",  # noqa: S608 - constants alone.
    )
)

FULL = "".join(
    (
        _BEFORE.format(which="o.id = ANY (CAST(:ids AS uuid[]))", most=500),
        f""", weighed AS MATERIALIZED (
  SELECT * FROM ({_WEIGHED.format(touches="(SELECT DISTINCT * FROM looked)")}) every WHERE terms_id IS NOT NULL
), leader AS (
  -- The advice that led to the order: the last fit touch that is no young click, or, when all are young, the first.
  SELECT DISTINCT ON (order_id) order_id, adviser_id FROM weighed
  ORDER BY order_id, is_old DESC, CASE WHEN is_old THEN ts END DESC, CASE WHEN is_old THEN id END DESC, ts, id
), coded AS MATERIALIZED (
  SELECT p.id AS order_id, c.id AS code_id, c.offer_id, c.adviser_id, f.terms_id
  FROM picked p
  CROSS JOIN LATERAL (
    SELECT c.* FROM discount_code c
    WHERE c.shop_id = p.shop_id AND c.code = upper(btrim(p.code)) AND c.created_at <= p.counts_at
      AND (c.revoked_at IS NULL OR c.revoked_at > p.counts_at)
    ORDER BY c.created_at DESC, c.id DESC LIMIT 1) c
  JOIN fit f ON f.offer_id = c.offer_id AND f.adviser_id = c.adviser_id
    AND p.counts_at >= f.from_at AND p.counts_at < f.to_at
  LEFT JOIN own w ON w.shop_id = p.shop_id AND w.adviser_id = c.adviser_id
    AND w.from_at <= p.known_at AND w.to_at > p.known_at
  WHERE p.code_rule = 'override' AND (f.own_shop OR w.adviser_id IS NULL)
), chosen AS (
  SELECT DISTINCT ON (w.order_id) w.*
  FROM weighed w LEFT JOIN coded c ON c.order_id = w.order_id LEFT JOIN leader l ON l.order_id = w.order_id
  WHERE w.adviser_id = coalesce(c.adviser_id, l.adviser_id) AND (c.order_id IS NULL OR w.offer_id = c.offer_id)
  ORDER BY w.order_id, w.ts DESC, w.id DESC
), outcome AS (
  SELECT p.id, true, {_STORED}, coalesce(c.adviser_id, w.adviser_id), coalesce(c.offer_id, w.offer_id),
    w.link_id, w.id, c.code_id, coalesce(w.terms_id, c.terms_id)
  FROM picked p LEFT JOIN coded c ON c.order_id = p.id LEFT JOIN chosen w ON w.order_id = p.id
  WHERE (p.adviser_id, p.offer_id, p.link_id, p.touch_id, p.code_id, p.terms_id) IS DISTINCT FROM
    (coalesce(c.adviser_id, w.adviser_id), coalesce(c.offer_id, w.offer_id), w.link_id, w.id, c.code_id,
     coalesce(w.terms_id, c.terms_id))
){_ANSWER}""",  # noqa: S608 - constants alone.
    )
)
