"""Where edges leave their click lines and what a line holds; shared by the edge, which writes, and the shipper.

Each edge is a named slot with a folder of its own below the segments folder:

    <segments>/<slot>/lock              held by the living edge (flock)
    <segments>/<slot>/0000000001.tsv    segments, in order; only the newest is being written to
    <segments>/<slot>/links.json        snapshot of the link table and the clock, for a start without PostgreSQL
    <segments>/<slot>/alarm.json        what the disk did not take of the edge's lines
    <segments>/<slot>/shipped.json      how far the shipper came: {"segment": 1, "offset": 4096}

A line is a row of PostgreSQL's COPY text format, so that shipping touches no byte. Columns, in order: click id,
business milliseconds, link id, verdict, dedup, visitor id, placement, referrer host, agent family; `\\N` is null. A
line whose verdict is `heartbeat` and whose click id is null says that the edge was alive and had nothing to report
until then.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

COLUMNS = (
    "click_id",
    "ts_ms",
    "link_id",
    "verdict",
    "dedup",
    "visitor_id",
    "placement",
    "referrer_host",
    "agent_family",
)
NULL = "\\N"
QUALIFIED = "qualified"
HEARTBEAT = "heartbeat"
# Why a click does not qualify, in the order in which the edge asks (decisions D46; left and disabled are ours).
REASONS = ("head", "bot", "prefetch", "not_document", "paused", "banned", "left", "disabled", "flood")
_ALARM_BYTES = 128
_HEX = rb"[0-9a-f]{32}"
_NULL = rb"\\N"
_CLICK = re.compile(
    rb"\t".join(
        (
            _HEX,
            rb"[0-9]{1,15}",
            _HEX,
            b"(?:" + b"|".join(name.encode() for name in (QUALIFIED, *REASONS)) + b")",
            _HEX,
            rb"(?:" + _HEX + rb"|" + _NULL + rb")",
            rb"(?:[0-9A-Za-z_-]{1,32}|" + _NULL + rb")",
            rb"(?:[0-9a-z.:\[\]_-]{1,100}|" + _NULL + rb")",
            rb"[a-z]{1,16}",
        )
    )
)
_HEARTBEAT = re.compile(rb"\\N\t[0-9]{1,15}\t\\N\theartbeat" + rb"\t\\N" * 5)
_SLOT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def heartbeat_line(ms: int) -> bytes:
    """Return the line that says: alive, and nothing unreported up to `ms`."""
    return "\t".join((NULL, str(ms), NULL, HEARTBEAT, NULL, NULL, NULL, NULL, NULL)).encode() + b"\n"


def is_heartbeat(line: bytes) -> bool:
    """Tell whether a line (without its newline) is a heartbeat."""
    return _HEARTBEAT.fullmatch(line) is not None


def is_line(line: bytes) -> bool:
    """Tell whether a line (without its newline) is one that an edge writes; anything else came from a broken disk."""
    return _CLICK.fullmatch(line) is not None or is_heartbeat(line)


def is_slot(name: str) -> bool:
    """Tell whether `name` may be the name of an edge."""
    return _SLOT.fullmatch(name) is not None


def slots(segments: Path) -> list[str]:
    """Return the names of the edges that ever wrote here, sorted."""
    if not segments.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(segments) if entry.is_dir() and is_slot(entry.name))


def segment_path(folder: Path, number: int) -> Path:
    """Return the path of one segment of a slot."""
    return folder / f"{number:010d}.tsv"


def segment_numbers(folder: Path) -> list[int]:
    """Return the numbers of a slot's segments, oldest first. All but the last are closed: nobody writes there again."""
    names = (entry.name for entry in os.scandir(folder))
    return sorted(
        int(name[:10]) for name in names if len(name) == 14 and name.endswith(".tsv") and name[:10].isdigit()
    )


@dataclass(frozen=True, slots=True)
class Position:
    """How far the shipper came in a slot: `offset` bytes of segment `segment` are safe in PostgreSQL."""

    segment: int = 0
    offset: int = 0


def read_position(folder: Path) -> Position:
    """Return how far the shipper came; from the start when that is unknown, because shipping twice is harmless."""
    try:
        found = json.loads((folder / "shipped.json").read_text(encoding="ascii"))
        return Position(int(found["segment"]), int(found["offset"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Position()


def write_position(folder: Path, position: Position) -> None:
    """Remember how far the shipper came, whole or not at all."""
    text = json.dumps({"segment": position.segment, "offset": position.offset})
    replace_file(folder / "shipped.json", text)


def replace_file(path: Path, text: str) -> None:
    """Write a file in one piece: readers see the old one or the new one, also after a crash."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        # A full disk must not also keep what did not fit.
        draft.unlink(missing_ok=True)
        raise


def alarm_path(folder: Path) -> Path:
    """Return the file in which the edge of a slot tells what its disk did not take."""
    return folder / "alarm.json"


def alarm_text(unwritten: int, lost: int, sync_failures: int) -> bytes:
    """Return an alarm as it is written: always of one length, so that writing it over needs no room."""
    said = json.dumps({"unwritten": unwritten, "lost": lost, "sync_failures": sync_failures})
    return said.ljust(_ALARM_BYTES - 1).encode("ascii") + b"\n"


def alarms(segments: Path) -> dict[str, int]:
    """Return, over all slots here: lines that wait in memory, lines that were lost, and failures of the disk."""
    sums = {"unwritten": 0, "lost": 0, "sync_failures": 0}
    for slot in slots(segments):
        try:
            said = json.loads(alarm_path(segments / slot).read_text(encoding="ascii"))
            sums = {name: sums[name] + int(said[name]) for name in sums}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # An edge that never started since alarms are told, or one that is just writing it.
            continue
    return sums


def waiting_bytes(folder: Path, *, limit: int = 1 << 20) -> int:
    """Return the bytes of click lines in a slot that are not in PostgreSQL yet.

    Heartbeats are no work, so they don't count, as long as no more than `limit` bytes have to be looked through.
    """
    position, waiting = read_position(folder), 0
    for number in segment_numbers(folder):
        if number < position.segment:
            continue
        start = position.offset if number == position.segment else 0
        try:
            with segment_path(folder, number).open("rb") as file:
                size = os.fstat(file.fileno()).st_size - start
                if size > limit:
                    waiting += size
                    continue
                file.seek(start)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            # The shipper finished with it in the meantime.
            continue
        waiting += sum(len(line) for line in lines if not is_heartbeat(line.rstrip(b"\n")))
    return waiting
