"""A process is known by its pid and its start time; nobody else's is ever signalled."""

import os
import signal
import subprocess
import sys
import time

from marketplace.devtools.processes import ProcessId, carries, session_members


def sleeper(**kwargs):
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], **kwargs)


def test_a_process_is_itself_and_not_one_with_its_pid_at_another_time():
    identity = ProcessId.of(os.getpid())
    assert identity is not None
    assert identity.is_alive
    assert not ProcessId(identity.pid, identity.started - 1).is_alive


def test_a_reused_pid_is_not_signalled():
    with sleeper() as child:
        identity = ProcessId.of(child.pid)
        ProcessId(identity.pid, identity.started + 1).send(signal.SIGKILL)
        assert child.poll() is None
        identity.send(signal.SIGKILL)
        assert child.wait(5) == -signal.SIGKILL


def test_a_zombie_counts_as_gone():
    child = sleeper()
    identity = ProcessId.of(child.pid)
    child.kill()
    assert identity.wait_until_gone(5)
    child.wait()


def test_a_session_is_found_by_its_leader_and_its_marker():
    with sleeper(start_new_session=True, env={"AANRADER_WORLD": "/somewhere"}) as child:
        assert [member.pid for member in session_members(child.pid)] == [child.pid]
        # A program that is just starting has no environment yet for an instant.
        deadline = time.monotonic() + 10
        while not carries(child.pid, "AANRADER_WORLD", "/somewhere") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert carries(child.pid, "AANRADER_WORLD", "/somewhere")
        assert not carries(child.pid, "AANRADER_WORLD", "/somewhere/else")
        child.kill()
