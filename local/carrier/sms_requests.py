"""The body of `POST /sms` and of the opt-out operations, checked field by field as the service does."""

from __future__ import annotations

import json
from dataclasses import dataclass

from local.carrier.phone_numbers import is_sender
from local.carrier.sms_errors import ServiceError, invalid

MAX_RECIPIENTS = 100
MAX_TEXT = 2_048
REPORT_TIMEOUT_S = range(60, 43_201)


@dataclass(frozen=True, slots=True)
class Addressee:
    """One item of `smsRecipients`, not yet checked."""

    to: str
    repeatability_id: str | None
    first_sent: str | None


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A valid request. `report_timeout_s` is in carrier seconds."""

    sender: str
    addressees: tuple[Addressee, ...]
    text: str
    report_wanted: bool
    tag: str | None
    report_timeout_s: int | None


@dataclass(frozen=True, slots=True)
class OptOutRequest:
    """A valid request of the opt-out operations."""

    sender: str
    recipients: tuple[str, ...]


class Body:
    """A JSON object with look-ups that refuse what is missing or of the wrong type."""

    def __init__(self, fields: object, name: str = "Body") -> None:
        if not isinstance(fields, dict):
            raise invalid(name, f"The {name} field must be an object.")
        self._fields = fields

    @classmethod
    def parse(cls, raw: bytes) -> Body:
        """Read a body. Raises ServiceError: 422 when it is not JSON, 400 when it is no object."""
        try:
            return cls(json.loads(raw))
        except (ValueError, RecursionError):
            raise ServiceError(422, "UnprocessableEntity", "The body is not valid JSON.") from None

    def required(self, key: str) -> object:
        """Return a field that must be there."""
        value = self._fields.get(key)
        if value is None:
            raise invalid(_pascal(key), f"The {_pascal(key)} field is required.")
        return value

    def string(self, key: str) -> str:
        """Return a text that must be there."""
        value = self.required(key)
        if not isinstance(value, str):
            raise invalid(_pascal(key), f"The {_pascal(key)} field must be a string.")
        if not _is_unicode(value):
            raise invalid(_pascal(key), f"The {_pascal(key)} field holds half of a surrogate pair.")
        return value

    def optional_string(self, key: str) -> str | None:
        """Return a text that may be missing or null."""
        return None if self._fields.get(key) is None else self.string(key)

    def boolean(self, key: str) -> bool:
        """Return true or false, which must be there."""
        value = self.required(key)
        if not isinstance(value, bool):
            raise invalid(_pascal(key), f"The {_pascal(key)} field must be true or false.")
        return value

    def optional_integer(self, key: str, allowed: range) -> int | None:
        """Return a whole number within bounds, or None when it is missing."""
        value = self._fields.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value not in allowed:
            raise invalid(_pascal(key), f"The {_pascal(key)} field must be {allowed[0]} to {allowed[-1]}.")
        return value

    def optional_object(self, key: str) -> Body | None:
        """Return an object that may be missing or null."""
        value = self._fields.get(key)
        return None if value is None else Body(value, _pascal(key))

    def recipients(self, key: str) -> list[Body]:
        """Return 1 to 100 objects."""
        value = self.required(key)
        if not isinstance(value, list) or not value:
            raise invalid(_pascal(key), f"The {_pascal(key)} field must be an array of 1 to {MAX_RECIPIENTS}.")
        if len(value) > MAX_RECIPIENTS:
            raise invalid(_pascal(key), f"Max of {MAX_RECIPIENTS} phone are allowed in the To field.")
        return [Body(item, _pascal(key)) for item in value]


def parse_send(raw: bytes) -> SendRequest:
    """Read `POST /sms`. Raises ServiceError for what refuses the whole request."""
    body = Body.parse(raw)
    sender = _sender(body)
    addressees = tuple(_addressee(item) for item in body.recipients("smsRecipients"))
    options = body.optional_object("smsSendOptions")
    return SendRequest(
        sender=sender,
        addressees=addressees,
        text=_text(body),
        report_wanted=options.boolean("enableDeliveryReport") if options else False,
        tag=options.optional_string("tag") if options else None,
        report_timeout_s=(
            options.optional_integer("deliveryReportTimeoutInSeconds", REPORT_TIMEOUT_S) if options else None
        ),
    )


def parse_opt_outs(raw: bytes) -> OptOutRequest:
    """Read `POST /sms/optouts:*`. Raises ServiceError for what refuses the whole request."""
    body = Body.parse(raw)
    return OptOutRequest(_sender(body), tuple(item.string("to") for item in body.recipients("recipients")))


def _sender(body: Body) -> str:
    sender = body.string("from")
    if not is_sender(sender):
        raise invalid("From", "Invalid From phone number format")
    return sender


def _addressee(item: Body) -> Addressee:
    return Addressee(
        item.string("to"),
        item.optional_string("repeatabilityRequestId"),
        item.optional_string("repeatabilityFirstSent"),
    )


def _text(body: Body) -> str:
    text = body.string("message")
    if len(text) > MAX_TEXT:
        raise invalid("Message", f"The Message field must not exceed {MAX_TEXT} characters.")
    return text


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pascal(key: str) -> str:
    return key[0].upper() + key[1:]
