"""How much of a difference between known and unknown addresses is left in the times of three doors (attack 37).

`./dev bench logins [--rounds N]`. Known and unknown addresses take turns, with the work factor of production, in this
process and without limits on tries; printed are medians in ms, of the clock and of our own CPU, and their difference.
No limit is asserted: the tests
count the work, which is equal, and this machine is shared.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import secrets
import statistics
import sys
import time
from typing import Any

from bench._server import books
from marketplace.accounts import limits, registration
from marketplace.core import config, db, web
from marketplace.devtools.throwaway import throwaway_folder

PASSWORD = "a long sentence about pears"
PEOPLE = {"kind": "shop_owner", "name": "Pear", "password": PASSWORD}


def main() -> int:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds: int = parser.parse_args().rounds
    for name in limits.RULES:
        limits.RULES[name] = "1000000/minute"
    with books() as made, throwaway_folder() as folder:
        settings = config.Settings(
            mode="demo",
            database_url=made.url("aanrader_app"),
            secret_key=secrets.token_hex(32),
            token_keys=((1, secrets.token_bytes(32)),),
            base_url="http://localhost",
            segments_dir=str(folder),
        )
        config.use(settings)
        db.init(settings.database_url, pool_size=4, clock_moves=True)
        registration.register()
        client = web.create_app(dataclasses.replace(settings), registration.blueprints()).test_client()

        def post(path: str, body: dict[str, Any]) -> tuple[float, float]:
            began, worked = time.perf_counter(), time.process_time()
            client.post(f"/api/v1/accounts/{path}", json=body)
            return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000

        known = "known@example.org"
        post("sign-up", PEOPLE | {"email": known})
        with made.superuser() as everything:
            everything.execute("UPDATE user_account SET email_verified_at = now()")
        draw = random.Random(37)
        for path, more in (
            ("sign-in", {"password": "another long sentence"}),
            ("password-reset", {}),
            ("sign-up", PEOPLE),
        ):
            taken: dict[str, list[tuple[float, float]]] = {"known": [], "unknown": []}
            post(path, more | {"email": known})
            for number in range(rounds):
                for who in draw.sample(["known", "unknown"], 2):
                    email = known if who == "known" else f"nobody{path}{number}@example.org"
                    taken[who].append(post(path, more | {"email": email}))
            clock_, cpu = (
                {who: statistics.median(one[place] for one in times) for who, times in taken.items()}
                for place in (0, 1)
            )
            line = {
                "bench": "logins",
                "figure": path,
                "known_ms": round(clock_["known"], 2),
                "unknown_ms": round(clock_["unknown"], 2),
                "difference_ms": round(clock_["known"] - clock_["unknown"], 2),
                "spread_ms": round(statistics.pstdev(one[0] for one in taken["unknown"]), 2),
                "cpu_difference_ms": round(cpu["known"] - cpu["unknown"], 2),
                "wanted_below_ms": 5,
                "rounds": rounds,
            }
            sys.stdout.write(json.dumps(line) + "\n")
        db.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
