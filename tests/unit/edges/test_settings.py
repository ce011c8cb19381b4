"""Settings: a wrong or missing one stops the app with one sentence that names it and never shows the value."""

from __future__ import annotations

import json
import re

import pytest

from shared.edges.settings import Settings, SettingsError
from shared.rules.phone_numbers import SenderType
from shared.services.senders import OptOutHandling
from tests.unit.services.world import ENVIRONMENT, TOLL_FREE

SECRET = "canary"  # in each wrong value, to be looked for in the sentence
WEBHOOK_SECRET = "whsec_" + "Y2Fu" * 8


def problem(**changes: str | None) -> str:
    """Return what is said of the environment with these changes; None leaves a setting out."""
    environment = {name: value for name, value in {**ENVIRONMENT, **changes}.items() if value is not None}
    with pytest.raises(SettingsError) as raised:
        Settings.from_environment(environment)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


def senders(*entries: dict[str, object]) -> str:
    """Return SMS_SENDERS of these entries after the usual one."""
    return json.dumps([{"sender": TOLL_FREE, "type": "tollFree"}, *entries])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"SMS_SENDERS": None}, "SMS_SENDERS must be set."),
        ({"SMS_SENDERS": "  "}, "SMS_SENDERS must be set."),
        ({"ACS_CONNECTION_STRING": None}, "ACS_CONNECTION_STRING or ACS_ENDPOINT must be set."),
        (
            {"AzureWebJobsStorage": ""},
            "AzureWebJobsStorage or AzureWebJobsStorage__accountName must be set.",
        ),
        ({"SMS_DEFAULT_SENDER": None}, "SMS_DEFAULT_SENDER must be one of the senders of SMS_SENDERS."),
        ({"SMS_DEFAULT_SENDER": "+1canary"}, "SMS_DEFAULT_SENDER must be one of the senders of SMS_SENDERS."),
        (
            {"SMS_SENDERS": senders({"sender": TOLL_FREE, "type": "tollFree"})},
            "SMS_SENDERS names a sender twice.",
        ),
        (
            {"SMS_SENDERS": senders({"sender": "can-ary!", "type": "tollFree"})},
            (
                "SMS_SENDERS is wrong (at 1.sender): is neither an E.164 number, nor a short code, nor an "
                "alphanumeric sender."
            ),
        ),
        (
            {"SMS_SENDERS": senders({"sender": "CANARY", "type": "tollFree"})},
            "SMS_SENDERS is wrong (at 1): `type` does not fit `sender`.",
        ),
        (
            {"SMS_SENDERS": senders({"sender": TOLL_FREE, "type": "shortCode"})},
            "SMS_SENDERS is wrong (at 1): `type` does not fit `sender`.",
        ),
        (
            {"ACS_CONNECTION_STRING": "endpoint=https://x.example;accesskey=canary!"},
            "ACS_CONNECTION_STRING is wrong: the access key in the ACS connection string is not base64.",
        ),
        (
            {"ACS_CONNECTION_STRING": "canary"},
            "ACS_CONNECTION_STRING is wrong: the ACS connection string has no endpoint; it is endpoint=…;accesskey=….",
        ),
        (
            {"ACS_CONNECTION_STRING": None, "ACS_ENDPOINT": "https://canary/path"},
            "ACS_ENDPOINT is wrong: the ACS endpoint has a path; it ends with the host.",
        ),
        (
            {"AzureWebJobsStorage": "AccountName=canary"},
            "AzureWebJobsStorage is wrong: it is not the connection string of a storage account.",
        ),
        (
            {"AzureWebJobsStorage": "UseDevelopmentStorage=canary"},
            "AzureWebJobsStorage is wrong: it is not the connection string of a storage account.",
        ),
        (
            {"ACS_CONNECTION_STRING": None, "ACS_ENDPOINT": "http://canary"},
            "ACS_ENDPOINT is wrong: an identity signs in over https only.",
        ),
        (
            {"SMS_RELAY_TOPIC_ENDPOINT": "http://canary"},
            "SMS_RELAY_TOPIC_KEY must be set, since an identity signs in over https only.",
        ),
        (
            {"SMS_WEBHOOK_URL": "http://canary", "SMS_WEBHOOK_SECRETS": WEBHOOK_SECRET},
            "SMS_WEBHOOK_URL is wrong: it must be an https URL.",
        ),
        (
            {"SMS_WEBHOOK_URL": "https://10.0.0.1/canary", "SMS_WEBHOOK_SECRETS": WEBHOOK_SECRET},
            "SMS_WEBHOOK_URL is wrong: its host must be on the public internet.",
        ),
        (
            {"SMS_WEBHOOK_URL": "http://127.0.0.1/canary", "SMS_WEBHOOK_SECRETS": WEBHOOK_SECRET},
            "SMS_WEBHOOK_URL is wrong: it must be an https URL.",
        ),
        (
            {"SMS_WEBHOOK_URL": "https://canary.example"},
            "SMS_WEBHOOK_SECRETS must be set, since the webhook is signed.",
        ),
        (
            {"SMS_WEBHOOK_SECRETS": "whsec_canary!"},
            "SMS_WEBHOOK_SECRETS is wrong: each secret must be base64 behind whsec_.",
        ),
        ({"SMS_CANARIES": "canary"}, "SMS_CANARIES is not a setting of this app; docs/settings.md lists them all."),
    ],
)
def test_a_wrong_setting_is_named_in_one_sentence(changes: dict[str, str | None], sentence: str) -> None:
    assert problem(**changes) == sentence


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SMS_SENDERS", "canary"),
        ("SMS_SENDERS", "[]"),
        ("SMS_SENDERS", '{"sender": "canary"}'),
        ("SMS_SENDERS", '["canary"]'),
        ("SMS_SENDERS", '[{"sender": "12345"}]'),
        ("SMS_SENDERS", '[{"sender": 12345, "type": "shortCode"}]'),
        ("SMS_SENDERS", '[{"sender": "12345", "type": "canary"}]'),
        ("SMS_SENDERS", '[{"sender": "12345", "type": "shortCode", "optOuts": "canary"}]'),
        ("SMS_SENDERS", '[{"sender": "12345", "type": "shortCode", "other": "canary"}]'),
        ("AzureWebJobsStorage__accountName", "Canary"),
        ("AzureWebJobsStorage__tableServiceUri", "http://canary"),
        ("SMS_DEFAULT_REGION", "canary"),
        ("SMS_DEFAULT_REGION", "us"),
        ("SMS_OPT_OUT_SCOPE", "canary"),
        ("SMS_OPT_OUT_REPLY", SECRET * 400),
        ("SMS_OPT_IN_REPLY", SECRET * 400),
        ("SMS_HELP_REPLY", SECRET * 400),
        ("SMS_RELAY_TOPIC_ENDPOINT", "canary"),
        ("SMS_RELAY_SCHEMA", "canary"),
        ("SMS_WEBHOOK_SECRETS", "canary"),
        ("SMS_WEBHOOK_LOOPBACK", "canary"),
        ("SMS_TABLE_PREFIX", "1canary"),
        ("SMS_TABLE_PREFIX", "canary-"),
        ("SMS_QUEUE_PREFIX", "Canary"),
        ("SMS_QUEUE_PREFIX", "canary-"),
        ("SMS_QUEUE_PREFIX", "canary--2"),
        ("SMS_QUEUE_PREFIX", "canary" * 7),
        ("SMS_IDEMPOTENCY_HOURS", "canary"),
        ("SMS_IDEMPOTENCY_HOURS", "0"),
        ("SMS_IDEMPOTENCY_HOURS", "721"),
        ("SMS_REPEAT_WINDOW_SECONDS", "-1"),
        ("SMS_REPEAT_WINDOW_SECONDS", "3601"),
        ("SMS_RESPONSE_WINDOW_HOURS", "0"),
        ("SMS_RESPONSE_WINDOW_HOURS", "1.5"),
    ],
)
def test_no_wrong_value_is_shown(setting: str, value: str) -> None:
    said = problem(**{setting: value})
    assert re.fullmatch(rf"{setting} is wrong(?: \(at [\w.]+\))?: .+[^.]\.", said)
    assert SECRET not in said
    assert "\n" not in said


def test_what_is_not_set_has_its_default() -> None:
    found = Settings.from_environment({**ENVIRONMENT, "SMS_HELP_REPLY": "", "PATH": "/bin"})
    assert (found.help_reply, found.table_prefix, found.idempotency_hours) == ("", "Sms", 24)


def test_managed_identities_need_no_keys() -> None:
    environment = {
        name: value
        for name, value in ENVIRONMENT.items()
        if name not in {"ACS_CONNECTION_STRING", "AzureWebJobsStorage"}
    }
    identity = {"ACS_ENDPOINT": "https://x.example", "AzureWebJobsStorage__accountName": "account"}
    assert Settings.from_environment({**environment, **identity}).acs_endpoint == "https://x.example"


@pytest.mark.parametrize(
    "value",
    [
        "UseDevelopmentStorage=true",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=b2s=;EndpointSuffix=core.windows.net",
        "TableEndpoint=https://a.table.core.windows.net;SharedAccessSignature=sv=1&sig=x",
    ],
)
def test_the_usual_connection_strings_of_storage_are_taken(value: str) -> None:
    assert Settings.from_environment({**ENVIRONMENT, "AzureWebJobsStorage": value}).storage_connection_string == value


def test_who_answers_opt_outs_is_by_type_unless_it_is_said() -> None:
    known = Settings.from_environment(ENVIRONMENT).known_senders
    found = {sender.name: (sender.type, sender.opt_outs) for sender in known.all}
    assert found == {
        "+18005550100": (SenderType.TOLL_FREE, OptOutHandling.CARRIER),
        "12345": (SenderType.SHORT_CODE, OptOutHandling.APP),
        "CONTOSO": (SenderType.ALPHANUMERIC, OptOutHandling.APP),
        "54321": (SenderType.SHORT_CODE, OptOutHandling.CARRIER),
    }
    assert known.default == TOLL_FREE
