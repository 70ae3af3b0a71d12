"""`python -m payouts.receipts FILE ...`: work receipts out again from their files, without a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from payouts.receipts import again


def main(arguments: Sequence[str]) -> int:
    """Print for each file whether it comes out as it says; return 0 when all do."""
    wrong = 0
    for name in arguments:
        try:
            found = again.work_out(json.loads(Path(name).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            print(f"{name}: {error}")
            wrong += 1
            continue
        word = "equal" if found.equal else "NOT EQUAL"
        decided = f", goes to {found.winner or 'nobody'}" if found.decided else ""
        print(
            f"{name}: {word}; stands {found.standing} {found.standing.currency}, comes to {found.expected}{decided}"
        )
        wrong += not found.equal
    return 1 if wrong or not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
