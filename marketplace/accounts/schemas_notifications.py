"""What people say and read about the mails that they get."""

from __future__ import annotations

from marshmallow import fields, validate

from marketplace.core import mail_kinds, schemas


class MailChoice(schemas.Schema):
    """A kind of mail and whether it comes; one that is essential always does."""

    kind = fields.String(required=True)
    title = fields.String(required=True)
    about = fields.String(required=True)
    is_essential = fields.Boolean(required=True)
    is_on = fields.Boolean(required=True)


class MailChoices(schemas.Schema):
    """Every kind of mail that concerns somebody, and the language that mails to them are in."""

    locale = fields.String(required=True)
    items = fields.List(fields.Nested(MailChoice), required=True)


class MailSwitched(schemas.Schema):
    """A kind of mail, and whether it comes from now on."""

    kind = schemas.Text(required=True, maximum=40)
    is_on = schemas.Boolean(required=True)


class MailChange(schemas.Schema):
    """What somebody changes; what is left out stays."""

    locale = schemas.Text(validate=[validate.OneOf(mail_kinds.LANGUAGES)])
    items = fields.List(fields.Nested(MailSwitched), load_default=list, validate=[validate.Length(max=100)])


class MailForm(schemas.Schema):
    """The page's form: which kinds come, of those that it shows."""

    locale = schemas.Text(validate=[validate.OneOf(mail_kinds.LANGUAGES)])
    on = fields.List(schemas.Text(maximum=40), load_default=list, validate=[validate.Length(max=100)])
