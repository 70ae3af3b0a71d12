"""The embedded servers: real, durable, ours alone, and gone when nobody needs them."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis
import sqlalchemy as sa

from marketplace.devtools.account import ROOT_STATE
from marketplace.devtools.postgres import Postgres, binaries
from marketplace.devtools.processes import ProcessId
from marketplace.devtools.valkey import Valkey


def run(server: Postgres, *statements: str, user: str = "bootstrap") -> list:
    engine = sa.create_engine(server.url(user), poolclass=sa.pool.NullPool)
    rows = []
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            result = connection.execute(sa.text(statement))
            rows = list(result) if result.returns_rows else []
    engine.dispose()
    return rows


@pytest.fixture(scope="module")
def durable():
    with Postgres.throwaway(durable=True) as server:
        yield server


def test_the_cluster_is_what_the_design_says(durable):
    settings = {
        "server_encoding": "UTF8",
        "data_checksums": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "TimeZone": "UTC",
        "idle_in_transaction_session_timeout": "1min",
    }
    for name, value in settings.items():
        assert run(durable, f"SHOW {name}") == [(value,)], name
    rows = run(durable, "SELECT datlocprovider, datlocale FROM pg_database WHERE datname = 'aanrader'")
    assert [tuple(row) for row in rows] == [("b", "C.UTF-8")]
    assert run(durable, "SELECT upper('ångström €')") == [("ÅNGSTRÖM €",)]


def test_the_bootstrap_role_may_make_roles_and_databases_and_no_more(durable):
    [row] = run(
        durable,
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication"
        " FROM pg_roles WHERE rolname = current_user",
    )
    assert tuple(row) == (False, True, True, False, False)


def test_a_wrong_password_is_refused(durable):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host=str(durable.sockets), user="postgres", password="guess", dbname="postgres")


def test_a_restart_keeps_the_data_and_a_second_start_makes_nothing_anew(durable):
    run(durable, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")
    durable.stop()
    durable.start()
    assert run(durable, "SELECT n FROM kept") == [(1,)]


def test_a_killed_server_recovers_what_was_committed(durable):
    run(durable, "CREATE TABLE survived (n int)", "INSERT INTO survived VALUES (7)")
    for _ in range(3):
        durable.stop(kill=True)
        durable.start()
    assert run(durable, "SELECT n FROM survived") == [(7,)]


def test_a_lock_file_whose_pid_is_now_somebody_elses_does_not_stop_a_start(durable):
    durable.stop(kill=True)
    lock = durable.data / "postmaster.pid"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    durable.start()
    assert durable.is_ready()


def test_an_interrupted_initdb_is_made_again(tmp_path):
    with Postgres.throwaway() as server:
        server.stop()
        server.data.rename(server.folder / "unfinished")
        server.start()
        assert server.is_ready()


def test_a_copied_database_has_the_rows_of_its_template(durable):
    run(durable, "CREATE TABLE IF NOT EXISTS copied (n int)", "INSERT INTO copied VALUES (3)")
    durable.create_database("copy", template="aanrader")
    connection = psycopg.connect(
        host=str(durable.sockets),
        user="bootstrap",
        password=durable.password("bootstrap"),
        dbname="copy",
        autocommit=True,
    )
    assert connection.execute("SELECT n FROM copied").fetchone() == (3,)
    # Whoever is still connected is no reason to keep it.
    durable.drop("copy")
    connection.close()
    assert not durable.has_database("copy")
    durable.drop("copy")


def test_only_the_server_runs_as_somebody_else_and_never_as_root(durable):
    owner = Path(f"/proc/{durable.postmaster().pid}").stat().st_uid
    assert owner == durable.account.uid != 0


def test_starting_changes_no_folder_that_is_not_ours(tmp_path):
    outer = tmp_path / "shut" / "inner"
    outer.mkdir(parents=True)
    (tmp_path / "shut").chmod(0o700)
    watched = [outer, *outer.parents, *binaries(Postgres(outer, outer).account).parents]

    def facts() -> dict:
        return {
            path: (stat.S_IMODE(path.stat().st_mode), path.stat().st_uid, path.stat().st_gid)
            for path in watched
            if not path.is_relative_to(ROOT_STATE)
        }

    before = facts()
    with Postgres.throwaway(outer) as server, Valkey.throwaway(outer):
        assert server.is_ready()
        assert facts() == before
    assert facts() == before
    assert list(outer.iterdir()) == []


def test_valkey_keeps_what_was_written_before_a_kill():
    with Valkey.throwaway(durable=True) as server:
        with redis.Redis.from_url(server.url) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
            client.set("job", "1")
        time.sleep(1.2)
        server.stop(kill=True)
        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("job") == b"1"


def test_servers_go_when_whoever_started_them_is_killed():
    code = (
        "import sys, time\n"
        "from marketplace.devtools.postgres import Postgres\n"
        "from marketplace.devtools.valkey import Valkey\n"
        "with Postgres.throwaway() as pg, Valkey.throwaway() as valkey:\n"
        "    print(pg.postmaster().pid, valkey._process.pid, pg.sockets, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        postgres, valkey, folder = starter.stdout.readline().split()
        servers = [ProcessId.of(int(postgres)), ProcessId.of(int(valkey))]
        assert all(servers)
        starter.send_signal(signal.SIGKILL)
    assert all(server.wait_until_gone(10) for server in servers)
    # The folders that it could not remove go at the next throw-away start.
    with Valkey.throwaway():
        assert not Path(folder).exists()
