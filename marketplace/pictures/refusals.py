"""Why a picture is not taken: each reason by its name, as the process that draws says it and as people read it."""

from __future__ import annotations

from marketplace.core.errors import AppError, Conflict, Unavailable


class PictureRefused(AppError):
    """A picture can't be taken."""

    status = 422
    code = "picture_refused"
    title = "That picture can't be taken"
    detail = "It is no picture that we can show."
    next = "Send a JPEG, PNG, WebP, GIF, AVIF or SVG of at most 10 MB and 40 million pixels."


class PictureEmpty(PictureRefused):
    """There is no byte in it."""

    code = "picture_empty"
    detail = "There is nothing in the file."


class PictureTooLarge(PictureRefused):
    """The file has too many bytes."""

    code = "picture_too_large"
    detail = "The file is larger than 10 MB."


class PictureUnknownKind(PictureRefused):
    """It is none of the kinds that we draw."""

    code = "picture_unknown_kind"
    detail = "It is not a JPEG, PNG, WebP, GIF, AVIF or SVG picture, whatever its name says."


class PictureDamaged(PictureRefused):
    """It begins as a picture and does not end as one."""

    code = "picture_damaged"
    detail = "It can't be read to its end: it is cut off or damaged."


class PictureTooManyPixels(PictureRefused):
    """However few its bytes are, it has more pixels than anybody needs."""

    code = "picture_too_many_pixels"
    detail = "It has more than 40 million pixels."


class PictureOddShape(PictureRefused):
    """It is a line rather than a picture."""

    code = "picture_odd_shape"
    detail = "It is more than 20 times as long as it is wide."


class PictureTooCostly(PictureRefused):
    """Drawing it was ended: it would take too much time or memory."""

    code = "picture_too_costly"
    detail = "Drawing it takes too much time or memory."


class SvgWithEntities(PictureRefused):
    """It defines entities, by which little text becomes much."""

    code = "svg_with_entities"
    detail = "It defines entities, which a picture doesn't need."


class SvgWithLinks(PictureRefused):
    """It wants other files."""

    code = "svg_with_links"
    detail = "It wants other files, which we never load for a picture."


class PictureNameRefused(PictureRefused):
    """The name of the file is a path."""

    code = "picture_name_refused"
    detail = "The name of the file is a path or holds control characters."


class PictureWrongExtension(PictureRefused):
    """The name says another kind of file than the content is."""

    code = "picture_wrong_extension"
    detail = "The name of the file says that it is something else than it is."


class TooManyPictures(Conflict):
    """An adviser keeps as many pictures as anybody may."""

    code = "too_many_pictures"
    title = "No room for another picture"
    detail = "You keep {most} pictures, which is as many as anybody may."
    next = "Remove some that no page shows any more."


class DrawersBusy(Unavailable):
    """Others' pictures are being drawn; this one is not waited for any longer."""

    code = "drawers_busy"
    detail = "Other pictures are being drawn now."


_NAMED = {kind.code: kind for kind in PictureRefused.__subclasses__()}


def named(code: str) -> PictureRefused:
    """Return the refusal of a name; the general one for a name that nobody gave."""
    return _NAMED.get(code, PictureRefused)()
