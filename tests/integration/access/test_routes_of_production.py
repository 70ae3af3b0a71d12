"""What demo and test mode offer to whoever runs the house is not there in production."""

import dataclasses

import wsgi
from marketplace.core import config, web
from tests.conftest import Database


def test_production_has_no_route_that_moves_or_shows_the_clock(database: Database) -> None:
    present = config.current()
    for mode, expected in (("demo", True), ("production", False)):
        settings = dataclasses.replace(
            present, mode=mode, base_url="https://aanrader.example", redis_url="redis://127.0.0.1:1"
        )
        config.use(settings)
        app = web.create_app(settings, wsgi.blueprints())
        assert any(rule.rule.startswith("/_dev") for rule in app.url_map.iter_rules()) is expected
        for method, path in (("GET", "/_dev/clock"), ("GET", "/_dev/lag"), ("POST", "/_dev/wake")):
            is_missing = (
                app.test_client().open(path, method=method, base_url="https://aanrader.example").status_code
                == 404
            )
            assert is_missing is not expected, path
    config.use(present)
