"""Pictures that advisers send: for their pages, and of themselves; taken in, listed, removed."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core import audit, ids, tenancy
from marketplace.core.actor import Actor
from marketplace.core.errors import NotFound
from marketplace.pictures import refusals
from marketplace.pictures.drawing import Drawn
from marketplace.pictures.models import Picture, PictureFile
from marketplace.pictures.redraw import is_svg

MOST_PICTURES = 500
# Files of what was removed are kept so long, for whoever removed it by mistake or disputes that it was there.
KEPT_AFTER_REMOVAL = dt.timedelta(days=30)
_RASTERS = frozenset({"jpg", "jpeg", "jfif", "png", "webp", "gif", "avif"})
_UNNAMEABLE = re.compile(r"[/\\\x00-\x1f\x7f]|^\.+$")


def refuse_name(name: str, data: bytes) -> None:
    """Raise PictureRefused for a file name that is a path, or that says another kind of file than the content is.

    The name is used for nothing. Kinds of photos are not told apart: phones and sites mix those up every day, and all
    are drawn anew.
    """
    if _UNNAMEABLE.search(name):
        raise refusals.PictureNameRefused()
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension and extension not in ({"svg"} if is_svg(data) else _RASTERS):
        raise refusals.PictureWrongExtension()


def take(
    session: Session, actor: Actor, drawn: Drawn, *, kind: str, alt: str | None, now: dt.datetime
) -> Picture:
    """Keep a picture that an adviser sent; a new portrait takes the place of the one before.

    kind: page or portrait; alt: what it shows, in words. Raises TooManyPictures.
    """
    adviser_id = actor.adviser()
    # One at a time: two portraits at once would break on the index, and the count would be of before.
    session.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"pictures {adviser_id}", 0)))
    )
    mine = sa.select(Picture).where(Picture.adviser_id == adviser_id, Picture.removed_at.is_(None))
    if session.scalars(sa.select(sa.func.count()).select_from(mine.subquery())).one() >= MOST_PICTURES:
        raise refusals.TooManyPictures(most=MOST_PICTURES)
    if kind == "portrait":
        for before in session.scalars(mine.where(Picture.kind == "portrait")):
            before.removed_at = now
        session.flush()
    picture = Picture(
        id=ids.new_id(),
        kind=kind,
        adviser_id=adviser_id,
        sha256=drawn.sha256,
        width=drawn.width,
        height=drawn.height,
        alt=alt,
    )
    session.add(picture)
    session.flush()
    keep_files(session, picture.id, drawn)
    audit.record(session, actor, "picture.send", "picture", picture.id, {"kind": kind}, now=now)
    return picture


def keep_files(session: Session, picture_id: uuid.UUID, drawn: Drawn) -> None:
    """Keep the files of a picture."""
    session.execute(
        sa.insert(PictureFile),
        [{"picture_id": picture_id, "width": width, "webp": webp} for width, _, webp in drawn.files],
    )


def listed(
    session: Session, actor: Actor, *, kind: str | None, after: uuid.UUID | None, limit: int
) -> Sequence[Picture]:
    """Return up to limit + 1 pictures that the acting adviser sent and did not remove, newest first."""
    query = sa.select(Picture).where(
        tenancy.adviser(actor, "pictures.listed", Picture.adviser_id), Picture.removed_at.is_(None)
    )
    if kind is not None:
        query = query.where(Picture.kind == kind)
    if after is not None:
        query = query.where(Picture.id < after)
    return session.scalars(query.order_by(Picture.id.desc()).limit(limit + 1)).all()


def remove(session: Session, actor: Actor, picture_id: uuid.UUID, now: dt.datetime) -> Picture:
    """Let a picture be shown to nobody any more; twice changes nothing. Raises NotFound for another's."""
    query = sa.select(Picture).where(
        Picture.id == picture_id, tenancy.adviser(actor, "pictures.remove", Picture.adviser_id)
    )
    picture = session.scalars(query.with_for_update()).one_or_none()
    if picture is None:
        raise NotFound("picture", picture_id)
    if picture.removed_at is None:
        picture.removed_at = now
        session.flush()
        audit.record(session, actor, "picture.remove", "picture", picture.id, {}, now=now)
    return picture


def forget_removed(session: Session, now: dt.datetime) -> int:
    """Delete the files of pictures that were removed long ago; return of how many pictures. The rows stay."""
    gone = sa.select(Picture.id).where(Picture.removed_at < now - KEPT_AFTER_REMOVAL)
    query = sa.delete(PictureFile).where(PictureFile.picture_id.in_(gone)).returning(PictureFile.picture_id)
    return len(set(session.scalars(query)))
