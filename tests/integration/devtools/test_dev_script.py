"""./dev in a project of its own: from any folder, repaired, two at once, and with a clear word when Python is too old.

The lock files of this project are empty, so that nothing is downloaded; what ./dev runs prints what it was given.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from marketplace.devtools.state import PROJECT

PATH = "/usr/local/bin:/usr/bin:/bin"
SHOWS = "import json, os, sys\nprint(json.dumps([sys.argv[1:], os.getcwd(), sys.prefix]))\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dev") / "a project"
    package = folder / "marketplace" / "devtools"
    package.mkdir(parents=True)
    (package / "__main__.py").write_text(SHOWS, encoding="utf-8")
    (folder / "requirements").mkdir()
    for name in ("test", "spec"):
        (folder / "requirements" / f"{name}.txt").write_text("# nothing\n", encoding="utf-8")
    shutil.copy(PROJECT / "dev", folder / "dev")
    return folder


def start(dev: Path, *args: str, cwd: Path, path: str = PATH) -> subprocess.Popen:
    return subprocess.Popen(
        [str(dev), *args],
        cwd=cwd,
        env={"PATH": path, "HOME": str(cwd)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(dev: Path, *args: str, cwd: Path, path: str = PATH) -> tuple[int, str, str]:
    with start(dev, *args, cwd=cwd, path=path) as process:
        out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.mark.slow
def test_it_works_from_any_folder_and_through_a_symlink(project, tmp_path):
    (tmp_path / "link").symlink_to(project / "dev")
    (tmp_path / "second").symlink_to("link")
    code, out, err = run(tmp_path / "second", "test", "-k", "a b", cwd=tmp_path)
    assert code == 0, err
    argv, cwd, prefix = json.loads(out)
    assert argv == ["--called-from", str(tmp_path), "test", "-k", "a b"]
    assert (cwd, prefix) == (str(project), str(project / ".venv"))


@pytest.mark.slow
def test_a_second_start_prepares_nothing(project, tmp_path):
    run(project / "dev", cwd=tmp_path)
    code, _, err = run(project / "dev", cwd=tmp_path)
    assert (code, err) == (0, "")


def test_an_old_python_is_exit_3_with_a_sentence(project, tmp_path):
    fresh = tmp_path / "fresh"
    shutil.copytree(project, fresh, ignore=shutil.ignore_patterns(".venv"))
    (tmp_path / "bin").mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        old = tmp_path / "bin" / name
        old.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n', encoding="utf-8"
        )
        old.chmod(0o755)
    code, _, err = run(fresh / "dev", cwd=tmp_path, path=f"{tmp_path / 'bin'}:{PATH}")
    assert code == 3
    assert "Python 3.11 or newer is needed; python3 here is: Python 3.9.2" in err
    assert not (fresh / ".venv.lock").exists()


@pytest.mark.slow
def test_changed_lock_files_are_installed_and_a_half_made_environment_is_made_again(project, tmp_path):
    run(project / "dev", cwd=tmp_path)
    (project / "requirements" / "test.txt").write_text("# still nothing\n", encoding="utf-8")
    code, _, err = run(project / "dev", cwd=tmp_path)
    assert code == 0
    assert "preparing .venv" in err
    (project / ".venv" / ".aanrader-stamp").unlink()
    shutil.rmtree(project / ".venv" / "lib")
    code, _, err = run(project / "dev", cwd=tmp_path)
    assert (code, "preparing .venv" in err) == (0, True), err


@pytest.mark.slow
def test_two_starts_at_once_and_a_stale_lock(project, tmp_path):
    shutil.rmtree(project / ".venv", ignore_errors=True)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (project / ".venv.lock").mkdir()
    (project / ".venv.lock" / "pid").write_text(f"{gone.pid}\n", encoding="utf-8")
    both = [start(project / "dev", str(number), cwd=tmp_path) for number in (1, 2, 3)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0, 0], said
    assert sum("preparing .venv with" in err for _, err in said) == 1
    assert not (project / ".venv.lock").exists()


@pytest.mark.slow
def test_a_copied_project_gets_an_environment_of_its_own(project, tmp_path):
    run(project / "dev", cwd=tmp_path)
    shutil.copytree(project, tmp_path / "copy", symlinks=True)
    _, out, err = run(tmp_path / "copy" / "dev", cwd=tmp_path)
    assert json.loads(out)[2] == str(tmp_path / "copy" / ".venv"), err
    assert os.path.realpath(tmp_path / "copy" / ".venv" / "bin" / "python") != ""
    assert (tmp_path / "copy" / ".venv" / "pyvenv.cfg").read_text().count(str(project)) == 0
