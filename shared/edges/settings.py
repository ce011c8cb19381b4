"""The settings: read once from the environment, checked, frozen.

A wrong or missing setting raises `SettingsError`: one sentence that names the setting and says what it takes, and
never shows the value, which may be a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Json,
    ValidationError,
    field_validator,
    model_validator,
)

from shared.edges.acs_address import clean_endpoint, parse_connection_string
from shared.edges.settings_limits import LimitSettings
from shared.rules.addresses import check_webhook_url
from shared.rules.countries import AllowedCountries, ByCountry, parse_countries
from shared.rules.pacing import Rate
from shared.rules.phone_numbers import SenderType, is_alphanumeric_sender, is_e164, is_short_code
from shared.rules.prices import parse_prices
from shared.rules.quiet_hours import DayHours, parse_hours
from shared.rules.signatures import parse_secrets
from shared.services.senders import PER_MINUTE, OptOutHandling, Sender, Senders

_STRICT = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, arbitrary_types_allowed=True)


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one sentence that names it."""

    def __init__(self, setting: str, problem: str) -> None:
        super().__init__(f"{setting} {problem}")
        self.setting = setting


class SenderSetting(BaseModel):
    """One entry of SMS_SENDERS."""

    model_config = _STRICT

    sender: str
    type: SenderType
    opt_outs: Annotated[OptOutHandling | None, Field(alias="optOuts")] = None
    per_minute: Annotated[int | None, Field(alias="perMinute", ge=100, le=1_000_000)] = None

    @field_validator("sender")
    @classmethod
    def _check_sender(cls, value: str) -> str:
        if is_e164(value) or is_short_code(value) or is_alphanumeric_sender(value):
            return value
        raise ValueError("is neither an E.164 number, nor a short code, nor an alphanumeric sender")

    @model_validator(mode="after")
    def _check_type(self) -> Self:
        shapes = {SenderType.SHORT_CODE: is_short_code, SenderType.ALPHANUMERIC: is_alphanumeric_sender}
        if not shapes.get(self.type, is_e164)(self.sender):
            raise ValueError("`type` does not fit `sender`")
        return self

    def to_sender(self) -> Sender:
        """Return the sender, its opt-out handling filled in by its type."""
        handling = self.opt_outs or OptOutHandling.default_of(self.type)
        return Sender(self.sender, self.type, handling, Rate(self.per_minute or PER_MINUTE[self.type]))


class Settings(LimitSettings):
    """Every setting that the app reads, by the name that it has in the environment."""

    model_config = _STRICT

    acs_connection_string: Annotated[
        str,
        Field(
            alias="ACS_CONNECTION_STRING",
            description="Connection string of the Communication Services resource. Instead of ACS_ENDPOINT.",
        ),
    ] = ""
    acs_endpoint: Annotated[
        str,
        Field(
            alias="ACS_ENDPOINT",
            description="Endpoint of the Communication Services resource; the app signs in with its managed "
            "identity. Instead of ACS_CONNECTION_STRING.",
        ),
    ] = ""
    client_id: Annotated[
        str,
        Field(
            alias="AZURE_CLIENT_ID",
            description="Client id of the user-assigned identity that the app signs in with. Empty: the "
            "system-assigned identity in Azure, the developer's own sign-in elsewhere.",
        ),
    ] = ""
    storage_connection_string: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage",
            description="Connection string of the storage account, for tables and for the Functions host.",
        ),
    ] = ""
    storage_account_name: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage__accountName",
            pattern="^([a-z0-9]{3,24})?$",
            description="Name of the storage account, with managed identity. Instead of AzureWebJobsStorage.",
        ),
    ] = ""
    storage_table_uri: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage__tableServiceUri",
            pattern="^(https://.+)?$",
            description="Table endpoint of the storage account, with managed identity, where the account name "
            "is not enough.",
        ),
    ] = ""
    storage_queue_uri: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage__queueServiceUri",
            description="Queue endpoint of the storage account, with managed identity, where the account name "
            "is not enough.",
        ),
    ] = ""
    storage_client_id: Annotated[
        str,
        Field(
            alias="AzureWebJobsStorage__clientId",
            description="Client id of the identity for storage. Empty: AZURE_CLIENT_ID.",
        ),
    ] = ""
    default_sender: Annotated[
        str,
        Field(alias="SMS_DEFAULT_SENDER", description="Sender of texts that name none; one of SMS_SENDERS."),
    ] = ""
    senders: Annotated[
        Json[tuple[SenderSetting, ...]],
        Field(
            alias="SMS_SENDERS",
            min_length=1,
            description="Your senders, as a JSON list of `sender` (E.164 number, short code or alphanumeric), "
            "`type` (tollFree, shortCode, alphanumeric, 10dlc, mobile) and, if it is not the type's default, "
            "`optOuts`: who answers STOP and START, `carrier` or `app`.",
        ),
    ]
    default_region: Annotated[
        str,
        Field(
            alias="SMS_DEFAULT_REGION",
            pattern="^([A-Z]{2})?$",
            description="Country (two letters) of numbers written without a country code. Empty: such numbers "
            "are refused.",
        ),
    ] = ""
    opt_out_scope: Annotated[
        Literal["sender", "all"],
        Field(
            alias="SMS_OPT_OUT_SCOPE",
            description="What a STOP ends: texts from the `sender` that was answered, or from `all` senders.",
        ),
    ] = "sender"
    opt_out_reply: Annotated[
        str,
        Field(
            alias="SMS_OPT_OUT_REPLY",
            max_length=2048,
            description="Answer to STOP where the app answers. Empty: none.",
        ),
    ] = "You have successfully been unsubscribed to messages from this number. Reply START to resubscribe"
    opt_in_reply: Annotated[
        str,
        Field(
            alias="SMS_OPT_IN_REPLY",
            max_length=2048,
            description="Answer to START where the app answers. Empty: none.",
        ),
    ] = "You have successfully been re-subscribed to messages from this number. Reply STOP to unsubscribe"
    help_reply: Annotated[
        str,
        Field(
            alias="SMS_HELP_REPLY",
            max_length=2048,
            description="Answer to HELP and INFO where the app answers. Empty: none.",
        ),
    ] = ""
    relay_topic_endpoint: Annotated[
        str,
        Field(
            alias="SMS_RELAY_TOPIC_ENDPOINT",
            pattern="^(https?://.+)?$",
            description="Endpoint of the Event Grid topic that inbound texts, opt-out changes, final states and "
            "failures are relayed to. Empty: no relay.",
        ),
    ] = ""
    relay_topic_key: Annotated[
        str,
        Field(alias="SMS_RELAY_TOPIC_KEY", description="Key of that topic. Empty: managed identity."),
    ] = ""
    relay_schema: Annotated[
        Literal["eventGrid", "cloudEvents"],
        Field(alias="SMS_RELAY_SCHEMA", description="Schema of relayed events; the topic's input schema."),
    ] = "eventGrid"
    webhook_url: Annotated[
        str,
        Field(
            alias="SMS_WEBHOOK_URL",
            description="https URL of yours to which the same is posted, signed, and of one conversation in order. "
            "Empty: no webhook.",
        ),
    ] = ""
    webhook_secrets: Annotated[
        tuple[bytes, ...],
        BeforeValidator(parse_secrets),
        Field(
            alias="SMS_WEBHOOK_SECRETS",
            validate_default=True,
            description="Secrets that sign what goes to the webhook, as of Standard Webhooks: `whsec_` and 24 to 64 "
            "bytes in base64; several with blanks between them while you exchange them.",
        ),
    ] = ""  # type: ignore[assignment]  # read by the validator, as from the environment
    webhook_loopback: Annotated[
        Literal["off", "on"],
        Field(
            alias="SMS_WEBHOOK_LOOPBACK",
            description="`on` lets the webhook be on this machine, and over http. For development only.",
        ),
    ] = "off"
    table_prefix: Annotated[
        str,
        Field(
            alias="SMS_TABLE_PREFIX",
            pattern="^[A-Za-z][A-Za-z0-9]{0,30}$",
            description="Prefix of the table names, so that two apps can share a storage account.",
        ),
    ] = "Sms"
    queue_prefix: Annotated[
        str,
        Field(
            alias="SMS_QUEUE_PREFIX",
            max_length=40,
            pattern="^[a-z0-9](-?[a-z0-9])*$",
            description="Prefix of the queue names (small letters, digits, single hyphens), so that two apps on one "
            "storage account do not take each other's work. Where it changes, the old queues are read no more.",
        ),
    ] = "sms"
    idempotency_hours: Annotated[
        int,
        Field(
            alias="SMS_IDEMPOTENCY_HOURS",
            ge=1,
            le=720,
            description="For how many hours a repeated idempotency key gets the first answer.",
        ),
    ] = 24
    repeat_window_seconds: Annotated[
        int,
        Field(
            alias="SMS_REPEAT_WINDOW_SECONDS",
            ge=0,
            le=3600,
            description="For how many seconds after its first try an interrupted request is tried again with "
            "the same ids; later its outcome is left unknown. A service is to know ids for 300 s; a minute is left for "
            "clocks that are wrong and calls that take long.",
        ),
    ] = 240
    response_window_hours: Annotated[
        int,
        Field(
            alias="SMS_RESPONSE_WINDOW_HOURS",
            ge=1,
            le=168,
            description="Within how many hours of a text an inbound text counts as a response to it.",
        ),
    ] = 72

    @field_validator("acs_connection_string")
    @classmethod
    def _check_connection_string(cls, value: str) -> str:
        parse_connection_string(value)
        return value

    @field_validator("acs_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        if clean_endpoint(value).startswith("http:"):
            raise ValueError("an identity signs in over https only")
        return value

    @field_validator("storage_connection_string")
    @classmethod
    def _check_storage(cls, value: str) -> str:
        pairs = (part.partition("=") for part in value.split(";"))
        parts = {name.strip().lower(): of.strip() for name, _, of in pairs if of.strip()}
        where = parts.keys() & {"accountname", "tableendpoint"}
        sign_in = parts.keys() & {"accountkey", "sharedaccesssignature"}
        if (where and sign_in) or parts.get("usedevelopmentstorage", "").lower() == "true":
            return value
        raise ValueError("it is not the connection string of a storage account")

    send_within_minutes: Annotated[
        int,
        Field(
            alias="SMS_SEND_WITHIN_MINUTES",
            ge=1,
            le=43_200,
            description="For how many minutes a text that cannot go is tried again; then it is `expired`. A request's "
            "own `notAfter` goes before.",
        ),
    ] = 1440
    report_within_hours: Annotated[
        int,
        Field(
            alias="SMS_REPORT_WITHIN_HOURS",
            ge=1,
            le=168,
            description="After how many hours without a delivery report a sent text is `unknown`; a late report still "
            "settles it.",
        ),
    ] = 24
    quiet_hours: Annotated[
        ByCountry[DayHours],
        BeforeValidator(parse_hours),
        Field(
            alias="SMS_QUIET_HOURS",
            validate_default=True,
            description="When campaigns may be sent, by the recipient's country and local time, as a JSON object; `*` "
            "is for all others.",
        ),
    ] = '{"*":"09:00-20:00"}'  # type: ignore[assignment]  # read by the validator, as from the environment
    countries: Annotated[
        AllowedCountries,
        BeforeValidator(parse_countries),
        Field(
            alias="SMS_COUNTRIES",
            validate_default=True,
            description="Countries (two letters, separated by commas) to which texts may be sent. Empty: all.",
        ),
    ] = ""  # type: ignore[assignment]  # likewise
    prices: Annotated[
        ByCountry[Decimal],
        BeforeValidator(parse_prices),
        Field(
            alias="SMS_PRICES",
            validate_default=True,
            description="Price of a segment by the recipient's country, as a JSON object; `*` is for all others. For "
            "forecasts.",
        ),
    ] = "{}"  # type: ignore[assignment]  # likewise

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not (self.acs_connection_string or self.acs_endpoint):
            raise _missing("ACS_CONNECTION_STRING", "or ACS_ENDPOINT must be set")
        endpoints = self.storage_table_uri and self.storage_queue_uri
        if not (self.storage_connection_string or self.storage_account_name or endpoints):
            raise _missing("AzureWebJobsStorage", "or AzureWebJobsStorage__accountName must be set")
        if self.relay_topic_endpoint.startswith("http:") and not self.relay_topic_key:
            raise _missing("SMS_RELAY_TOPIC_KEY", "must be set, since an identity signs in over https only")
        if self.webhook_url:
            self._check_webhook()
        if len({entry.sender for entry in self.senders}) < len(self.senders):
            raise _missing("SMS_SENDERS", "names a sender twice")
        if self.default_sender not in {entry.sender for entry in self.senders}:
            raise _missing("SMS_DEFAULT_SENDER", "must be one of the senders of SMS_SENDERS")
        return self

    def _check_webhook(self) -> None:
        try:
            check_webhook_url(self.webhook_url, loopback=self.webhook_loopback == "on")
        except ValueError as problem:
            raise _missing("SMS_WEBHOOK_URL", f"is wrong: {problem}") from None
        if not self.webhook_secrets:
            raise _missing("SMS_WEBHOOK_SECRETS", "must be set, since the webhook is signed")

    @property
    def known_senders(self) -> Senders:
        """Return the senders, with the default one."""
        return Senders(tuple(entry.to_sender() for entry in self.senders), self.default_sender)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings; an empty value counts as not set.

        Raises:
            SettingsError: naming the first setting that is missing or wrong.
        """
        names = {field.alias for field in cls.model_fields.values()}
        # Asked by name, since the environment of Windows knows names in any case but lists them in capitals.
        given = {name: value for name in names if name and (value := environment.get(name, "")).strip()}
        unknown = sorted(name for name in environment if name.startswith("SMS_") and name not in names)
        if unknown:
            raise SettingsError(unknown[0], "is not a setting of this app; docs/settings.md lists them all.")
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise _first_problem(error) from None
        # App Service sets this. Without it nobody checks tokens, and anyone could say who they are.
        if settings.sign_in == "on" and environment.get("WEBSITE_AUTH_ENABLED", "").lower() != "true":
            raise SettingsError("SMS_SIGN_IN", "is on, but App Service authentication is not: turn it on first.")
        return settings


def _missing(setting: str, problem: str) -> ValueError:
    return ValueError(f"{setting} {problem}")


def _first_problem(error: ValidationError) -> SettingsError:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        setting, _, problem = message.partition(" ")
        return SettingsError(setting, f"{problem}.")
    setting, *inside = (str(part) for part in first["loc"])
    if first["type"] == "missing" and not inside:
        return SettingsError(setting, "must be set.")
    where = f" (at {'.'.join(inside)})" if inside else ""
    return SettingsError(setting, f"is wrong{where}: {message[0].lower()}{message[1:]}.")
