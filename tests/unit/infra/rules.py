"""What the infrastructure must be like, held against the code: each rule yields what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pydantic.alias_generators import to_camel

from devtools.paths import ROOT
from shared.edges import events, work_triggers
from shared.edges.invocations import LINE, Invocation, Trigger
from shared.edges.settings import Settings
from tests.unit.infra.reading import Files, block, object_keys, resources
from tests.unit.test_function_table import EVENTS, HTTP, QUEUES, TIMERS

Rule = Callable[[Files], Iterator[str]]

# By https://learn.microsoft.com/azure/role-based-access-control/built-in-roles.
ROLES = {
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "communicationAndEmailServiceOwner": "09976791-48a7-449e-bb21-39d1a415f350",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "eventGridDataSender": "d5a91429-5739-47e2-a06b-3470a27159e7",
}
WANTED_ROLES = {
    ("microsoft.storage/storageaccounts", "storageBlobDataOwner"),
    ("microsoft.storage/storageaccounts", "storageQueueDataContributor"),
    ("microsoft.storage/storageaccounts", "storageTableDataContributor"),
    ("microsoft.insights/components", "monitoringMetricsPublisher"),
    ("microsoft.communication/communicationservices", "communicationAndEmailServiceOwner"),
    ("microsoft.storage/storageaccounts/blobservices/containers", "storageBlobDataContributor"),
    ("microsoft.eventgrid/topics", "eventGridDataSender"),
}
# Keys: an identity takes their place.
SECRETS = {"ACS_CONNECTION_STRING", "AzureWebJobsStorage", "SMS_RELAY_TOPIC_KEY"}
NOT_ON_FLEX = {
    "FUNCTIONS_WORKER_RUNTIME", "FUNCTIONS_EXTENSION_VERSION", "WEBSITE_RUN_FROM_PACKAGE", "WEBSITE_CONTENTSHARE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING", "SCM_DO_BUILD_DURING_DEPLOYMENT", "ENABLE_ORYX_BUILD",
    "FUNCTIONS_WORKER_PROCESS_COUNT", "WEBSITE_TIME_ZONE",
}  # fmt: skip
LOCKED = {
    "microsoft.storage/storageaccounts": [
        "allowSharedKeyAccess: false", "allowBlobPublicAccess: false", "minimumTlsVersion: 'TLS1_2'",
    ],
    "microsoft.communication/communicationservices": ["disableLocalAuth: true"],
    "microsoft.eventgrid/topics": ["disableLocalAuth: true"],
    "microsoft.insights/components": ["DisableLocalAuth: true"],
    "microsoft.operationalinsights/workspaces": ["disableLocalAuth: true"],
    "microsoft.web/sites": ["httpsOnly: true", "minTlsVersion: '1.2'", "ftpsState: 'Disabled'"],
}  # fmt: skip


def settings_are_those_of_the_app(files: Files) -> Iterator[str]:
    """Every setting that the app reads is set, and none that it does not know."""
    [site] = [one for one in resources(files) if one.symbol == "settings" and one.type == "microsoft.web/sites/config"]
    given = set(object_keys(block(site.text, site.text.index("properties: {") + len("properties: "))))
    known = {str(field.alias) for field in Settings.model_fields.values()}
    yield from (f"the setting {name} is missing" for name in sorted(known - SECRETS - given))
    choices = set(re.findall(r"^  (SMS_\w+):", files["core/settings.bicep"], re.MULTILINE))
    yield from (f"{name} is no setting" for name in sorted((choices | given) - known) if name.startswith("SMS_"))
    yield from (f"{name} is a key" for name in sorted(given & SECRETS))
    yield from (f"{name} does not belong on Flex Consumption" for name in sorted(given & NOT_ON_FLEX))


def subscriptions_go_to_the_event_functions(files: Files) -> Iterator[str]:
    """Each event function gets its one event type."""
    types = {"sms_received": events.TEXT_RECEIVED, "sms_delivery_report": events.REPORT_RECEIVED}
    found = dict(re.findall(r"function: '(\w+)'\s+eventType: '([\w.]+)'", _flat(files["events/main.bicep"])))
    yield from (f"no subscription to {name}" for name in sorted(EVENTS - set(found)))
    yield from (f"{name} is no event function" for name in sorted(set(found) - EVENTS))
    yield from (f"{name} gets {kind}" for name, kind in found.items() if types.get(name, kind) != kind)


def subscriptions_lose_nothing(files: Files) -> Iterator[str]:
    """Each subscription has dead letters and a retry policy, and one event at a time."""
    wanted = ("deadLetterWithResourceIdentity: {", "retryPolicy: {", "maxEventsPerBatch: 1", "blobContainerName:")
    found = [one for one in resources(files) if one.type.endswith("/eventsubscriptions")]
    if not found:
        yield "there are no event subscriptions"
    for one in found:
        yield from (f"{one.symbol} lacks {part}" for part in wanted if part not in one.text)


def roles_are_the_least(files: Files) -> Iterator[str]:
    """Every role id is that of its name, and the roles are given on the resources that they are for, and no others."""
    for name, text in files.items():
        for role, guid in re.findall(r"^var (\w+) = '([0-9a-f-]{36})'", text, re.MULTILINE):
            if ROLES.get(role) != guid:
                yield f"{name}: {role} has a wrong id"
    types = {(one.file, one.symbol): one.type for one in resources(files)}
    given = set()
    for one in resources(files):
        if one.type == "microsoft.authorization/roleassignments":
            scope = re.search(r"scope: (\w+)", one.text)
            on = types.get((one.file, scope[1])) if scope else "everything"
            given |= {(on, role) for role in ROLES if role in one.text}
    yield from (f"{role} on {on} is missing" for on, role in sorted(WANTED_ROLES - given))
    yield from (f"{role} on {on} is too much" for on, role in sorted(given - WANTED_ROLES, key=str))


def keys_are_off(files: Files) -> Iterator[str]:
    """What can be locked is locked, and no key leaves a template."""
    for one in resources(files):
        if not one.existing:
            yield from (f"{one.type} lacks `{line}`" for line in LOCKED.get(one.type, ()) if line not in one.text)
    yield from (
        f"{name} reads a key"
        for name, text in files.items()
        if re.search(r"list(Account)?(Keys|Sas)\(", text, re.IGNORECASE)
    )


def queries_name_what_there_is(files: Files) -> Iterator[str]:
    """Alerts and workbook name functions that exist, and read what the app logs of an hour."""
    functions = {*HTTP, *EVENTS, *QUEUES, *TIMERS}
    for name in ("core/alerts.bicep", "core/workbook.bicep"):
        named = set(re.findall(r'"([a-z]+_[a-z_]+)"', files[name]))
        yield from (f"{name}: there is no function {one}" for one in sorted(named - functions))
    logged = {to_camel(name) for name in work_triggers._LOGGED} | {"hour", "cost"}
    read = set(re.findall(r'extract\("(\w+)=', files["core/hours.bicep"]))
    yield from (f"the log does not say {name}" for name in sorted(read - logged))
    yield from (f"nothing reads {name} of the log" for name in sorted(logged - read))


def invocations_are_read_as_they_are_logged(files: Files) -> Iterator[str]:
    """What is read of an invocation's line is in it, and it is found by how it begins."""
    told = Invocation("f", Trigger.HTTP, error="e", outcome="200", request_id="r", trace_id="t").line(1)
    logged = set(re.findall(r"(\w+)=", told))
    read = set(re.findall(r'extract\("(\w+)=', files["core/invocations.bicep"]))
    yield from (f"the line of an invocation does not say {name}" for name in sorted(read - logged))
    beginning = re.search(r'startswith "([^"]+)"', files["core/invocations.bicep"])
    if not beginning or not LINE.startswith(beginning[1]):
        yield "the line of an invocation does not begin so"


def alerts_are_in_the_runbook(files: Files) -> Iterator[str]:
    """Each alert has a section in the runbook, and each section an alert."""
    named = set(re.findall(r"^    name: '([\w-]+)'", files["core/alerts.bicep"], re.MULTILINE)) | {"dead-letters"}
    sections = set(re.findall(r"^## ([a-z-]+)$", (ROOT / "docs" / "runbook.md").read_text("utf-8"), re.MULTILINE))
    yield from (f"the runbook does not have {name}" for name in sorted(named - sections))
    yield from (f"there is no alert {name}" for name in sorted(sections - named))


RULES: tuple[Rule, ...] = (
    settings_are_those_of_the_app,
    subscriptions_go_to_the_event_functions,
    subscriptions_lose_nothing,
    roles_are_the_least,
    keys_are_off,
    queries_name_what_there_is,
    invocations_are_read_as_they_are_logged,
    alerts_are_in_the_runbook,
)


def problems(files: Files) -> list[str]:
    """Return all that is wrong."""
    return [problem for rule in RULES for problem in rule(files)]


def _flat(text: str) -> str:
    return text.replace(",", "\n")
