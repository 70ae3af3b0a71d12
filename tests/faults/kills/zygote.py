"""A process with everything imported and nothing open, that forks a child for each part of a story.

Reads a line of JSON on stdin and answers with one on stdout: the wait status, and what the child wrote. A part that is
only recorded is played by this process itself, so that children find every statement compiled and every cache filled.
`python -m tests.faults.kills.zygote`; the first line holds the keys of the town.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import wsgi
from marketplace.core import config, failpoints, logs, web
from tests.faults.kills import people, readers, story  # noqa: F401 - all add their parts by being imported.
from tests.faults.kills.stage import Stage
from tests.faults.kills.town import SETTINGS

_LONGEST_SECONDS = 90


def main() -> int:
    """Serve until stdin ends."""
    logs.configure()
    given = json.loads(sys.stdin.readline())
    settings = config.Settings(
        **{
            **{name: getattr(SETTINGS, name) for name in ("mode", "base_url", "edge_url", "stripe_api_key")},
            # Nothing connects before a child says where its own database is.
            "database_url": "postgresql+psycopg://nobody@/none?host=/nonexistent",
            "secret_key": given["secret_key"],
            "token_keys": tuple((number, bytes.fromhex(key)) for number, key in given["token_keys"]),
            "stripe_webhook_secret_account": SETTINGS.stripe_webhook_secret_account,
            "stripe_webhook_secret_connect": SETTINGS.stripe_webhook_secret_connect,
        }
    )
    config.use(settings)
    wsgi.register()
    app = web.create_app(settings, wsgi.blueprints())
    # What is there now stays: children then copy fewer pages.
    gc.freeze()
    for text in sys.stdin:
        spec = json.loads(text)
        began, used = time.monotonic(), _cpu()
        if spec.get("record"):
            status = _play(app, settings, spec)
            gc.collect()
            gc.freeze()
        else:
            sys.stdout.flush()
            child = os.fork()
            if child == 0:
                os._exit(_play(app, settings, spec))
            status = _wait(child)
        answer: dict[str, Any] = {
            "status": status,
            "seconds": round(time.monotonic() - began, 3),
            "cpu": round(_cpu() - used, 3),
        }
        result = Path(spec["folder"]) / "result"
        if result.exists():
            answer["result"] = json.loads(result.read_text())
            result.unlink()
        print(json.dumps(answer), flush=True)
    return 0


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _wait(child: int) -> int:
    """Wait for a child and return its exit code, negative for a signal; one that hangs is killed as 9999."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    pause = 0.002
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 9999
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def _play(app: Any, settings: config.Settings, spec: dict[str, Any]) -> int:
    """Play what is asked for and write down what came of it; the child's own words go into its log."""
    before = os.dup(1), os.dup(2)
    log = os.open(Path(spec["folder"]) / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    result: dict[str, Any] = {}
    reached: list[str] = []
    code = 0
    stage = None
    try:
        stage = Stage(app, settings, spec)
        if spec.get("record"):
            failpoints.watch(reached.append)
        elif spec.get("failpoint"):
            failpoints.arm(spec["failpoint"])
        for part in spec["parts"]:
            story.PARTS[part](stage)
        failpoints.watch(None)
        if spec.get("finish"):
            result["wrongs"] = stage.wrongs()
    except BaseException:  # noqa: BLE001 - whatever ended the child is what its parent wants to know.
        result["error"] = traceback.format_exc()[-4000:]
        code = 1
    failpoints.watch(None)
    if stage is not None:
        stage.close()
    result["reached"] = reached
    (Path(spec["folder"]) / "result").write_text(json.dumps(result))
    sys.stdout.flush()
    sys.stderr.flush()
    for number, kept in enumerate(before, 1):
        os.dup2(kept, number)
        os.close(kept)
    return code


if __name__ == "__main__":
    sys.exit(main())
