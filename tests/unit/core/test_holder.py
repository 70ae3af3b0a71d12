"""A process can tell whether another one on its machine, known by name, has died."""

import os
import signal
import subprocess
import sys

from marketplace.core import holder


def test_this_process_is_there():
    assert not holder.is_gone(holder.me())


def test_a_killed_process_is_gone_before_and_after_its_parent_has_buried_it():
    program = (
        "import sys; from marketplace.core import holder; print(holder.me(), flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert not holder.is_gone(name)
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert holder.is_gone(name)
    assert holder.is_gone(name)


def test_a_pid_that_somebody_else_has_now_is_gone():
    machine, pid, started = holder.me().split("/")
    assert holder.is_gone(f"{machine}/{pid}/{int(started) - 1}")


def test_whoever_is_on_another_machine_or_nowhere_may_live():
    machine, pid, started = holder.me().split("/")
    assert not holder.is_gone(f"{machine}x/999999999/{started}")
    assert not holder.is_gone(f"/{pid}/1")
    assert not holder.is_gone("")
