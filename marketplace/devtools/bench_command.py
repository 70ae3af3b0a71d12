"""`./dev bench [NAME]`: benchmarks, each a script in bench/ that prints a JSON line per figure."""

import argparse
import subprocess
import sys
from pathlib import Path

from marketplace.devtools.errors import DevtoolsError, NotPossibleHere


class NoSuchBench(DevtoolsError):
    """Name the benchmarks there are; exit code 2."""

    exit_code = 2


def names(folder: Path = Path("bench")) -> list[str]:
    """Return the names of the benchmarks."""
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def run(args: argparse.Namespace) -> int:
    """Run one benchmark with its arguments, or all (args.rest); 3 when one says that it can't run here."""
    name, rest = (args.rest[0], args.rest[1:]) if args.rest else (None, [])
    known = names()
    if name is not None and name not in known:
        raise NoSuchBench(f"no benchmark {name!r}; there are: {', '.join(known) or 'none'}")
    codes = []
    for one in known if name is None else [name]:
        codes.append(subprocess.run([sys.executable, "-m", f"bench.{one}", *rest], check=False).returncode)
    if any(code not in (0, NotPossibleHere.exit_code) for code in codes):
        return 1
    return NotPossibleHere.exit_code if NotPossibleHere.exit_code in codes else 0
