"""The house rules hold for every module, and each rule catches the breach that is planted for it."""

import pytest

from marketplace.devtools.house_rules import RULES, Module

VIEW = '"""Routes."""\n'


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps_the_rule(rule, product):
    breaches = [
        f"{module.path}:{breach.line} {breach.sentence}"
        for module in product
        for breach in RULES[rule](module)
    ]
    assert breaches == []


def test_the_rules_look_at_all_three_packages(product):
    seen = {module.path.partition("/")[0] for module in product}
    assert {"marketplace", "tracking", "payouts", "wsgi.py"} <= seen


PLANTED = [
    ("one_committer", "payouts/runs/service.py", "session.commit()"),
    ("one_committer", "tracking/orders/service.py", "self.session().commit()"),
    ("one_clock", "tracking/orders/service.py", "import datetime\nnow = datetime.datetime.now(datetime.UTC)"),
    ("one_clock", "tracking/orders/service.py", "today = date.today()"),
    ("one_clock", "payouts/sandbox/events.py", "import time\nat = time.time()"),
    ("one_reader_of_the_environment", "payouts/settlement/gateway.py", "import os\nkey = os.environ['KEY']"),
    ("one_reader_of_the_environment", "payouts/settlement/gateway.py", "from os import environ"),
    ("one_reader_of_the_environment", "wsgi.py", "import os\nkey = os.getenv('KEY')"),
    ("no_flask_below_views", "marketplace/offers/service.py", "from flask import g"),
    ("no_flask_below_views", "tracking/orders/jobs.py", "import flask"),
    ("no_flask_below_views", "payouts/ledger/posting.py", "from flask_smorest import Blueprint"),
    ("no_float_near_money", "marketplace/core/money.py", "rate = 0.1"),
    ("no_float_near_money", "tracking/commissions/calculation.py", "share = float(total)"),
    ("no_float_near_money", "payouts/ledger/service.py", "half = total / 2"),
    ("no_float_near_money", "payouts/runs/service.py", "total /= 2"),
    ("says_what_it_is", "marketplace/core/ids.py", "import uuid"),
    ("says_what_it_is", "marketplace/core/ids.py", '"""Ids."""\n' + "x = 1\n" * 300),
    ("says_what_it_is", "marketplace/core/utils.py", '"""Useful things."""'),
    ("nothing_unfinished", "marketplace/core/ids.py", "x = 1  # " + "TO" + "DO: later"),
    ("nothing_unfinished", "marketplace/core/ids.py", "def later():\n    raise NotImplementedError('soon')"),
    (
        "every_route_names_its_policy",
        "tracking/orders/api.py",
        "@blueprint.post('/orders')\ndef post():\n    pass",
    ),
    (
        "every_route_names_its_policy",
        "tracking/orders/service.py",
        "@blueprint.route('/orders')\n@policy('orders')\ndef list_orders():\n    pass",
    ),
    (
        "every_route_names_its_policy",
        "tracking/orders/api.py",
        "def hidden():\n    @blueprint.get('/orders')\n    @policy('orders', 'read')\n    def orders():\n        pass",
    ),
    (
        "writes_open_a_transaction",
        "tracking/orders/api.py",
        "@blueprint.post('/orders')\n@policy('orders', 'report')\ndef report(data):\n    return service.take(data)",
    ),
    (
        "writes_open_a_transaction",
        "tracking/orders/api.py",
        "@blueprint.route('/orders', methods=['GET', 'POST'])\n@policy('orders', 'report')\ndef report():\n    pass",
    ),
]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_a_planted_breach_is_caught(rule, path, source):
    assert list(RULES[rule](Module.of(path, source)))


def test_each_rule_has_a_planted_breach():
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


KEPT = [
    (
        "writes_open_a_transaction",
        "marketplace/accounts/views.py",
        "@blueprint.post('/sign-in')\n@policy('accounts', 'sign_in')\ndef sign_in():\n    entrance.sign_in({})",
    ),
    ("one_committer", "marketplace/core/db.py", "session.commit()"),
    ("one_clock", "tracking/orders/api.py", "at = clock.now()"),
    ("one_clock", "tracking/orders/models.py", "at = sa.func.now()"),
    ("one_clock", "marketplace/accounts/totp.py", "code = self.totp.now()"),
    ("one_clock", "marketplace/devtools/check.py", "import time\nbegan = time.monotonic()"),
    ("no_float_near_money", "payouts/runs/service.py", "half = total // 2"),
    ("no_flask_below_views", "tracking/orders/service.py", "import flasks"),
    (
        "every_route_names_its_policy",
        "tracking/orders/service.py",
        "@functools.cache\ndef rates():\n    pass",
    ),
    (
        "writes_open_a_transaction",
        "tracking/orders/api.py",
        "@blueprint.post('/x')\n@policy('x', 'y')\ndef x():\n    return _do()\n"
        "def _do():\n    with db.transaction() as session:\n        pass",
    ),
    (
        "writes_open_a_transaction",
        "tracking/orders/api.py",
        "@blueprint.post('/x')\n@policy('x', 'y')\ndef x():\n    with transaction() as session:\n        pass",
    ),
]


@pytest.mark.parametrize(("rule", "path", "source"), KEPT)
def test_what_is_right_is_let_through(rule, path, source):
    assert list(RULES[rule](Module.of(path, source))) == []
