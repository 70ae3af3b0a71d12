"""Promises of pictures that can be checked on live data."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from marketplace.core.hooks import Finding
from marketplace.pictures.models import Picture, PictureFile
from marketplace.pictures.redraw import WIDTHS


def have_files(session: Session) -> Finding:
    """Count pictures that may be shown and lack a file of one of the widths."""
    files = sa.select(sa.func.count()).where(PictureFile.picture_id == Picture.id).scalar_subquery()
    wrong = sa.func.count().filter(files != len(WIDTHS))
    seen, figure = session.execute(
        sa.select(sa.func.count(), wrong).select_from(Picture).where(Picture.removed_at.is_(None))
    ).one()
    return Finding(figure, seen)
