"""The environment that each service of a world gets: all of it is written here, nothing is inherited."""

import os
import pwd
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from marketplace.devtools.ports import HOST
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.state import World

ROLE_OF = {"web": "app", "edge": "edge", "worker": "worker", "shipper": "worker"}


def secrets_of(world: World) -> dict[str, str]:
    """Return the keys and passwords of a world; made at its first start and kept."""
    known: dict[str, str] = read_secret(world.secrets_file)
    if not known:
        known = {
            "secret_key": secrets.token_urlsafe(48),
            "token_key": secrets.token_hex(32),
            "password_app": secrets.token_urlsafe(24),
            "password_worker": secrets.token_urlsafe(24),
            "password_edge": secrets.token_urlsafe(24),
            "stripe_api_key": f"sk_test_{secrets.token_hex(16)}",
            "webhook_account": f"whsec_{secrets.token_hex(24)}",
            "webhook_connect": f"whsec_{secrets.token_hex(24)}",
        }
        write_secret(world.secrets_file, known)
    return known


def as_role(url: str, role: str, password: str) -> str:
    """Return the address of the same database for another role."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password, safe='')}@{server}"))


@dataclass(frozen=True)
class Addresses:
    """Where everything of a world is reached; URLs without a closing slash."""

    ports: Mapping[str, int]
    admin_database_url: str
    redis_url: str

    def of(self, name: str) -> str:
        """Return the HTTP address of web, edge, sandbox or mail."""
        return f"http://{HOST}:{self.ports[name]}"


def base_environment() -> dict[str, str]:
    """Return what every Python child needs to run at all, whatever the machine has set."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": pwd.getpwuid(os.getuid()).pw_dir,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }


def service_environment(
    name: str, world: World, addresses: Addresses, *, mode: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of web, edge, worker, shipper, migrate or any command on this world.

    `name` decides the database role: the edge gets its own, web the app's, the worker and the shipper the worker's;
    anything else the worker's too, with the bootstrap address beside it.
    """
    known = secrets_of(world)
    role = ROLE_OF.get(name, "worker")
    environment = {
        **base_environment(),
        "AANRADER_MODE": mode,
        "DATABASE_URL": as_role(addresses.admin_database_url, f"aanrader_{role}", known[f"password_{role}"]),
        "REDIS_URL": addresses.redis_url,
        "AANRADER_SECRET_KEY": known["secret_key"],
        "AANRADER_TOKEN_KEYS": f"1:{known['token_key']}",
        "AANRADER_BASE_URL": addresses.of("web"),
        "AANRADER_EDGE_URL": addresses.of("edge"),
        "AANRADER_SEGMENTS_DIR": str(world.segments),
        "AANRADER_EDGE_SLOT": "web" if name == "web" else "edge",
        "AANRADER_SMTP": f"{HOST}:{addresses.ports['smtp']}",
        "STRIPE_API_KEY": known["stripe_api_key"],
        "STRIPE_API_BASE": addresses.of("sandbox"),
        "STRIPE_WEBHOOK_SECRET_ACCOUNT": known["webhook_account"],
        "STRIPE_WEBHOOK_SECRET_CONNECT": known["webhook_connect"],
        **extra,
    }
    if name not in ROLE_OF:
        environment["AANRADER_ADMIN_DATABASE_URL"] = addresses.admin_database_url
        for one in ("app", "worker", "edge"):
            environment[f"AANRADER_PASSWORD_{one.upper()}"] = known[f"password_{one}"]
    return environment
