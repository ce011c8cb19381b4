"""The Bicep files are held to the code, and the rules that do so find what they are for."""

from __future__ import annotations

import re

import pytest

from devtools.paths import ROOT
from tests.unit.infra.reading import bicep_files
from tests.unit.infra.rules import RULES, problems

CHANGES = {
    "a renamed function": ("events/main.bicep", "'sms_received'", "'sms_in'", "no subscription to sms_received"),
    "a misspelt event type": ("events/main.bicep", "SMSReceived'", "SmsReceived'", "sms_received gets"),
    "no dead letter": ("events/main.bicep", "deadLetterWithResourceIdentity", "other", "lacks deadLetter"),
    "no retry policy": ("events/main.bicep", "retryPolicy", "other", "lacks retryPolicy"),
    "a missing role": ("core/roles.bicep", ", storageTableDataContributor]", "]", "storageTableDataContributor on"),
    "a wrong role id": ("core/roles.bicep", "974c5e8b", "974c5e8c", "has a wrong id"),
    "a role on too much": ("core/roles.bicep", "  scope: communication\n", "", "is too much"),
    "a missing setting": (
        "core/app.bicep",
        "    SMS_COUNTRIES: ",
        "    OTHER: ",
        "the setting SMS_COUNTRIES is missing",
    ),
    "an unknown setting": ("core/settings.bicep", "SMS_PRICES", "SMS_PRICE", "SMS_PRICE is no setting"),
    "a key among the settings": ("core/app.bicep", "ACS_ENDPOINT:", "ACS_CONNECTION_STRING:", "is a key"),
    "keys of storage left on": ("core/storage.bicep", "allowSharedKeyAccess: false", "x: 1", "allowSharedKeyAccess"),
    "keys of ACS left on": ("core/communication.bicep", "disableLocalAuth: true", "", "disableLocalAuth"),
    "keys of insights left on": ("core/monitoring.bicep", "    DisableLocalAuth: true", "", "DisableLocalAuth"),
    "a key in an output": ("core/storage.bicep", "= account.name", "= account.listKeys().keys[0].value", "reads a key"),
    "a setting that Flex refuses": ("core/app.bicep", "AZURE_CLIENT_ID:", "WEBSITE_TIME_ZONE:", "does not belong"),
    "a query of no function": ("core/alerts.bicep", '"release_due"', '"release_all"', "no function release_all"),
    "a count that is not logged": ("core/hours.bicep", "leaks=", "leak=", "the log does not say leak"),
    "a part of a line that is not logged": ("core/invocations.bicep", "ms=", "seconds=", "does not say seconds"),
    "a line that begins otherwise": ("core/invocations.bicep", "An invocation", "A call", "does not begin so"),
    "an alert that is not in the runbook": ("core/alerts.bicep", "'spend'", "'money'", "does not have money"),
}


def test_the_infrastructure_fits_the_code() -> None:
    assert problems(bicep_files()) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_breaks_it_is_found(change: str) -> None:
    name, old, new, problem = CHANGES[change]
    files = bicep_files()
    assert old in files[name]
    found = problems(files | {name: files[name].replace(old, new)})
    assert any(problem in one for one in found), found


def test_every_rule_says_what_it_is_for() -> None:
    assert all(rule.__doc__ for rule in RULES)


def test_every_parameter_without_a_default_is_in_the_parameter_file() -> None:
    for layer in ("core", "events"):
        text = (ROOT / "infra" / layer / "main.bicep").read_text("utf-8")
        needed = set(re.findall(r"^param (\w+) \w+$", text, re.MULTILINE))
        given = set(
            re.findall(r"^param (\w+) =", (ROOT / "infra" / layer / "main.bicepparam").read_text("utf-8"), re.MULTILINE)
        )
        assert needed <= given


def test_the_second_layer_takes_what_the_first_puts_out() -> None:
    first = (ROOT / "infra" / "core" / "main.bicep").read_text("utf-8")
    second = (ROOT / "infra" / "events" / "main.bicepparam").read_text("utf-8")
    assert set(re.findall(r"readEnvironmentVariable\('(\w+)'\)", second)) <= set(
        re.findall(r"^output (\w+)", first, re.MULTILINE)
    )


def test_the_service_of_azd_is_the_tag_of_the_app() -> None:
    services = re.search(r"^services:\n  (\w+):", (ROOT / "azure.yaml").read_text("utf-8"), re.MULTILINE)
    assert services
    assert f"'azd-service-name': '{services[1]}'" in bicep_files()["core/app.bicep"]


def test_modules_are_there_and_local() -> None:
    files = bicep_files()
    for name, text in files.items():
        for module in re.findall(r"^(?:module \w+|import \{ \w+ \} from) '([^']+)'", text, re.MULTILINE):
            assert f"{name.rpartition('/')[0]}/{module}" in files
