"""Talk to a running supervisor over its Unix socket: one line of JSON asks, one line answers.

Requests: `{"do": "status"}`, `{"do": "stop", "name": "web", "kill": false}`, `{"do": "start", "name": "web"}`,
`{"do": "shutdown"}`. Answers: `{"ok": true, ...}` or `{"ok": false, "why": sentence}`.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

from marketplace.devtools.errors import DevtoolsError
from marketplace.devtools.state import World
from marketplace.devtools.supervisor import Supervisor

_LONGEST_REQUEST = 4096
_ANSWER_SECONDS = 120.0


@contextlib.contextmanager
def listening(supervisor: Supervisor) -> Iterator[None]:
    """Answer requests for as long as the `with` lasts; only who may enter the sockets folder can ask."""
    path = supervisor.world.control_socket
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    path.chmod(0o600)
    server.listen()
    threading.Thread(target=_accept, args=(server, supervisor), name="control", daemon=True).start()
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def _accept(server: socket.socket, supervisor: Supervisor) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return  # The socket was closed: the supervisor ends.
        threading.Thread(target=_answer, args=(connection, supervisor), daemon=True).start()


def _answer(connection: socket.socket, supervisor: Supervisor) -> None:
    with connection, connection.makefile("rwb") as stream:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            answer = _obey(json.loads(stream.readline(_LONGEST_REQUEST)), supervisor)
        except DevtoolsError as error:
            answer = {"ok": False, "why": str(error)}
        except (ValueError, KeyError, TypeError) as error:
            answer = {"ok": False, "why": f"not a request: {error!r}"}
        with contextlib.suppress(OSError):
            stream.write(json.dumps(answer).encode() + b"\n")


def _obey(request: dict[str, Any], supervisor: Supervisor) -> dict[str, Any]:
    match request["do"]:
        case "status":
            return {"ok": True, "services": supervisor.status()}
        case "stop":
            supervisor.stop(request["name"], kill=bool(request.get("kill")))
            return {"ok": True}
        case "start":
            supervisor.start(request["name"])
            return {"ok": True}
        case "shutdown":
            supervisor.stop_asked.set()
            return {"ok": True}
        case other:
            raise ValueError(other)


def ask(world: World, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the world's supervisor and return its answer.

    Raises DevtoolsError with the supervisor's sentence when it refuses, or when nothing runs.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(world.control_socket))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as stream:
                answer: dict[str, Any] = json.loads(stream.readline() or b'{"ok": false, "why": "it ended"}')
        except (FileNotFoundError, ConnectionRefusedError):
            raise DevtoolsError(f"no {world.name} is running; start it with: ./dev {world.name}") from None
    if not answer["ok"]:
        raise DevtoolsError(answer["why"])
    return answer
