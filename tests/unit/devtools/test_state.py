"""Where state lies, and that nothing but our own is touched."""

import os
import stat
from pathlib import Path

import pytest

from marketplace.devtools.account import Account, server_account
from marketplace.devtools.environment import as_role, secrets_of
from marketplace.devtools.errors import NotPossibleHere
from marketplace.devtools.secret_file import read_secret, write_secret
from marketplace.devtools.state import World, project_hash


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_two_projects_have_two_states(tmp_path):
    one, other = World.demo(tmp_path / "one"), World.demo(tmp_path / "other")
    assert one.state != other.state
    assert one.sockets != other.sockets
    assert len(project_hash(tmp_path)) == 8


def test_socket_paths_stay_below_what_the_kernel_takes(tmp_path):
    world = World.demo(tmp_path / ("deep/" * 40))
    assert len(str(world.sockets / ".s.PGSQL.5432.lock")) <= 107


def test_a_throw_away_world_is_ours_alone_and_goes_away():
    with World.throwaway("test") as world:
        assert mode(world.sockets) == 0o700
        assert mode(world.state.parent) == 0o700
        secrets_of(world)
        assert mode(world.secrets_file) == 0o600
    assert not world.state.parent.exists()


def test_secrets_are_made_once():
    with World.throwaway("test") as world:
        assert secrets_of(world) == secrets_of(world)


def test_a_secret_file_is_closed_under_any_umask(tmp_path):
    before = os.umask(0)
    try:
        write_secret(tmp_path / "secret.json", {"a": "b"})
    finally:
        os.umask(before)
    assert mode(tmp_path / "secret.json") == 0o600
    assert read_secret(tmp_path / "secret.json") == {"a": "b"}
    assert [path.name for path in tmp_path.iterdir()] == ["secret.json"]


def test_a_symlink_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "sockets").symlink_to(tmp_path / "real")
    before = mode(tmp_path / "real")
    with pytest.raises(NotPossibleHere):
        server_account().make_folder(tmp_path / "sockets")
    assert mode(tmp_path / "real") == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder that belongs to somebody else")
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o755)
    os.chown(tmp_path / "theirs", 4712, 4712)
    with pytest.raises(NotPossibleHere):
        server_account().make_folder(tmp_path / "theirs")
    assert mode(tmp_path / "theirs") == 0o755


def test_a_stranger_reaches_only_what_every_folder_on_the_way_lets_through(tmp_path):
    stranger = Account(uid=4711, gid=4711, is_other=True)
    (tmp_path / "shut" / "open").mkdir(parents=True)
    (tmp_path / "shut" / "open").chmod(0o755)
    (tmp_path / "shut").chmod(0o700)
    assert not stranger.can_reach(tmp_path / "shut" / "open")
    assert stranger.can_reach(Path("/usr/bin"))


def test_wiping_refuses_a_state_that_is_a_symlink(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "precious")
    world = World("test", tmp_path, tmp_path / "state", tmp_path / "sockets", tmp_path / "demo.json")
    with pytest.raises(NotPossibleHere):
        world.wipe()
    assert (tmp_path / "precious").is_dir()


def test_the_address_of_another_role_keeps_place_and_options():
    url = "postgresql+psycopg://bootstrap:a%40b@/aanrader?host=/tmp/aan&port=5432"
    assert (
        as_role(url, "aanrader_app", "p@ss/word")
        == "postgresql+psycopg://aanrader_app:p%40ss%2Fword@/aanrader?host=/tmp/aan&port=5432"
    )
    remote = "postgresql+psycopg://boss:x@db.example:6432/shop"
    assert as_role(remote, "aanrader_app", "y") == "postgresql+psycopg://aanrader_app:y@db.example:6432/shop"
