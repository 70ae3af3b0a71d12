"""What the bench of feeds reads: the same products as RSS and as TSV, their shop, and a process that reads them."""

from __future__ import annotations

import csv
import random
import time
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

import psycopg
from lxml import etree

from bench._books import NOW
from marketplace.catalogue.feeds import jobs
from marketplace.catalogue.feeds import service as feeds
from marketplace.catalogue.feeds.models import FeedJob
from marketplace.core import db, ids
from marketplace.core import jobs as core_jobs

WORDS = (
    *(
        "koffie",
        "bonen",
        "espresso",
        "maalgraad",
        "biologisch",
        "wandelschoen",
        "waterdicht",
        "rugzak",
        "licht",
    ),
    *(
        "tent",
        "slaapzak",
        "boek",
        "kinderen",
        "prent",
        "verhaal",
        "dier",
        "bos",
        "zee",
        "berg",
        "vers",
        "gebrand",
    ),
    *("zacht", "krachtig", "café", "crème", "größe", "stevig", "leer", "katoen", "wol", "zomer", "winter"),
)
COLUMNS = (
    "id", "title", "description", "link", "image_link", "availability", "price", "sale_price", "brand", "gtin",
    "condition", "google_product_category", "product_type",
)  # fmt: skip


def products(count: int, seed: int) -> list[tuple[str, ...]]:
    """Return rows in the order of COLUMNS, as shops write them: some 600 bytes each."""
    code = random.Random(seed)
    made = []
    for number in range(count):
        title = " ".join(code.choices(WORDS, k=6)).capitalize()
        text = " ".join(code.choices(WORDS, k=50)).capitalize() + " & meer."
        price = code.randrange(500, 30_000)
        sale = f"{price * 8 // 10 / 100:.2f} EUR" if code.random() < 0.2 else ""
        digits = f"87{number:010d}"
        check = -sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(digits)) % 10
        made.append(
            (
                f"SKU-{number:06d}",
                title,
                text,
                f"https://shop.example/producten/{number}?kleur=blauw&maat={number % 40}",
                f"https://shop.example/beeld/{number}.webp",
                code.choice(("in stock", "in_stock", "out of stock")),
                f"{price / 100:.2f} EUR",
                sale,
                code.choice(WORDS).capitalize(),
                f"{digits}{check}",
                "new",
                code.choice(
                    ("Home & Garden > Kitchen & Dining", "Media > Books", "Luggage & Bags > Backpacks")
                ),
                f"Winkel > {code.choice(WORDS)} > {code.choice(WORDS)}",
            )
        )
    return made


def write_rss(rows: list[tuple[str, ...]], path: Path) -> None:
    """Write rows as RSS 2.0."""
    with path.open("w", encoding="utf-8") as file:
        file.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">\n'
            "<channel><title>Shop</title><link>https://shop.example/</link>\n"
        )
        for row in rows:
            file.write("<item>\n")
            for name, value in zip(COLUMNS, row, strict=True):
                if value:
                    file.write(f"<g:{name}>{escape(value)}</g:{name}>\n")
            file.write("</item>\n")
        file.write("</channel>\n</rss>\n")


def write_tsv(rows: list[tuple[str, ...]], path: Path) -> None:
    """Write rows as TSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def parse_rss(path: Path) -> int:
    """Parse items and forget them, and do nothing else; return how many there were."""
    count = 0
    for _, element in etree.iterparse(str(path), tag="item"):
        count += 1
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    return count


def parse_tsv(path: Path) -> int:
    """Read lines as cells, and do nothing else; return how many there were behind the first."""
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file, delimiter="\t")) - 1


def make_shop(superuser: psycopg.Connection[tuple[object, ...]], number: int) -> uuid.UUID:
    """Make a shop with a verified domain, of which only what reading feeds asks is true."""
    shop = uuid.UUID(int=(5 << 100) + number)
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "INSERT INTO shop (id, code, name, legal_name, registration_no, country, currency)"
        " VALUES (%s, %s, 'x', 'x', '1', 'NL', 'EUR')",
        [shop, f"shop{number}"],
    )
    superuser.execute("DELETE FROM shop_domain")
    superuser.execute(
        "INSERT INTO shop_domain (id, shop_id, host, proof, proof_token, verified_at)"
        " VALUES (gen_random_uuid(), %s, 'shop.example', 'file', 't', %s)",
        [shop, NOW],
    )
    superuser.execute("SET session_replication_role = DEFAULT")
    return shop


def queue(superuser: psycopg.Connection[tuple[object, ...]], shop: uuid.UUID, path: Path) -> uuid.UUID:
    """Line a feed up as the web does, piece by piece, and return its id."""
    job = ids.new_id()
    superuser.execute(
        "INSERT INTO feed_job (id, shop_id, size, sha256, queued_at) VALUES (%s, %s, %s, '', %s)",
        [job, shop, path.stat().st_size, NOW],
    )
    with path.open("rb") as sent:
        for number, piece in enumerate(iter(lambda: sent.read(feeds.PIECE), b"")):
            superuser.execute("INSERT INTO feed_chunk VALUES (%s, %s, %s)", [job, number, piece])
    return job


def read(url: str, job: uuid.UUID) -> tuple[float, float, int, int]:
    """Read a feed as a worker does; return seconds, CPU seconds, the most memory ever held in MB, and rows kept."""
    db.init(url, pool_size=1)
    core_jobs.spare_collector()
    start, used = time.monotonic(), time.process_time()
    if not jobs.read(job):
        raise RuntimeError("the feed was not due")
    spent, used = time.monotonic() - start, time.process_time() - used
    with db.session() as session:
        done = session.get_one(FeedJob, job)
        if done.state != "done" or done.refused:
            raise RuntimeError(f"the feed is {done.state}: {done.failure_reason}, {done.refused} refused")
        kept = done.added + done.changed + done.unchanged
    db.close()
    peak = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return spent, used, int(peak.split()[1]) >> 10, kept
