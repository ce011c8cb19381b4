"""What notices hold, field by field: docs/events.md has the schemas that are made of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class NoticeData(BaseModel):
    """The data of a notice."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, alias_generator=to_camel, populate_by_name=True
    )


class TextReceivedData(NoticeData):
    """A text came in."""

    id: Annotated[str, Field(description="The message's id, for `GET /api/messages/{id}`.")]
    conversation_id: str
    sender: Annotated[str, Field(alias="from", description="The person's number, E.164.")]
    to: Annotated[str, Field(description="Your sender.")]
    text: str
    keyword: Annotated[str | None, Field(description="The keyword in capitals, if the text is one: STOP, START, HELP.")]
    received_at: Time


class ChoiceReceivedData(NoticeData):
    """A recipient has confirmed or canceled, by a word of the message that asked."""

    id: Annotated[str, Field(description="The id of the message that asked, for `GET /api/messages/{id}`.")]
    conversation_id: str
    sender: Annotated[str, Field(alias="from", description="The person's number, E.164.")]
    to: Annotated[str, Field(description="Your sender.")]
    tag: Annotated[str | None, Field(description="Yours, of the message that asked.")]
    campaign_id: Annotated[str | None, Field(description="The campaign of the message that asked, if it is of one.")]
    choice: Literal["confirm", "cancel"]
    text_id: Annotated[str, Field(description="The id of the text that chose.")]
    received_at: Time


class MessageSettledData(NoticeData):
    """A message has come to an end, or its end is not known."""

    id: Annotated[str, Field(description="The message's id, for `GET /api/messages/{id}`.")]
    conversation_id: str
    sender: Annotated[str, Field(alias="from", description="Your sender.")]
    to: Annotated[str, Field(description="The person's number, E.164.")]
    tag: Annotated[str | None, Field(description="Yours, as it was sent.")]
    state: Literal["unknown", "suppressed", "canceled", "expired", "failed", "delivered"]
    reason: Annotated[str | None, Field(description="Why; see error-codes.md.")]
    delivery_code: Annotated[str | None, Field(description="The carrier's own code, of a delivery report.")]
    settled_at: Time


class OptOutChangedData(NoticeData):
    """It has changed whether a person may be texted."""

    recipient: Annotated[str, Field(description="The person's number, E.164.")]
    scopes: Annotated[list[str], Field(description="The senders that it is about, or `*` for all.")]
    state: Literal["optedOut", "optedIn"]
    source: Literal["sms", "api", "import", "deliveryReport"]
    keyword: Annotated[str | None, Field(description="The keyword in capitals, if a text said it.")]
    changed_at: Time


class WorkFailedData(NoticeData):
    """Work of a queue could not be done after all tries."""

    id: Annotated[str, Field(description="The failure's id, for `POST /api/failures/{id}/resend`.")]
    queue: Annotated[str, Field(description="The queue's name, without its prefix.")]
    failed_at: Time


class DeliveryRateDroppedData(NoticeData):
    """Fewer texts of a sender, or to a country, arrive than before."""

    sender: Annotated[str | None, Field(description="Your sender; null if it is about a country.")]
    country: Annotated[str | None, Field(description="Two letters; null if it is about a sender.")]
    delivery_rate: Annotated[float, Field(ge=0, le=1)]
    settled: Annotated[int, Field(description="Of how many texts with an outcome that is.")]
    delivery_rate_before: Annotated[float, Field(ge=0, le=1)]
    settled_before: int
    noticed_at: Time


NOTICES: Mapping[str, type[NoticeData]] = {
    "Sms.TextReceived": TextReceivedData,
    "Sms.ChoiceReceived": ChoiceReceivedData,
    "Sms.MessageSettled": MessageSettledData,
    "Sms.OptOutChanged": OptOutChangedData,
    "Sms.WorkFailed": WorkFailedData,
    "Sms.DeliveryRateDropped": DeliveryRateDroppedData,
}


def data_of(type_of_notice: str, data: Mapping[str, object]) -> Mapping[str, object]:
    """Return the data of a notice, checked against what docs/events.md says of its type."""
    return NOTICES[type_of_notice].model_validate(data).model_dump(by_alias=True)
