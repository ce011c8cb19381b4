"""What each HTTP endpoint does: from a checked call to a service, and from what it returns to an answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shared.edges.api_base import NoQuery, PageQuery, ms_of
from shared.edges.api_failures import FailureAnswer, FailureList, ResendAnswer
from shared.edges.api_models import (
    CheckAnswer,
    HealthAnswer,
    HistoryAnswer,
    HistoryRequest,
    ImportAnswer,
    MessageAnswer,
    OptOutAnswer,
    OptOutChange,
    OptOutEntry,
    OptOutList,
    OptOutListQuery,
    OptOutRequest,
    OptOutResult,
    RecipientResult,
    SendAnswer,
    SendRequest,
)
from shared.edges.http import Call, Reply, tagged
from shared.edges.http_requests import idempotency_key
from shared.edges.invocations import note
from shared.edges.paging import next_link
from shared.edges.path_ids import FAILURE_ID
from shared.rules.choices import ChoiceWords
from shared.rules.errors import ErrorDetail, NotFound, NotReady
from shared.rules.ids import MessageKey
from shared.services.bundle import Services
from shared.services.recipients import recipients_of
from shared.services.sending import RecipientAnswer, Text


async def send(services: Services, call: Call[SendRequest, NoQuery]) -> SendAnswer:
    """Send a text now or at its time, once per idempotency key."""
    body = call.body
    key = idempotency_key(call.headers)
    text = Text(
        sender=services.senders.choose(body.sender),
        recipients=recipients_of(body.to, services.region),
        text=body.text,
        tag=body.tag,
        caller=call.caller,
        delivery_report=body.delivery_report,
        words=ChoiceWords.of(body.confirm_words, body.cancel_words),
        send_at_ms=ms_of(body.send_at),
        not_after_ms=ms_of(body.not_after),
    )
    answers = await services.sending.send(text, key and f"caller:{key}")
    note_states(answers)
    return SendAnswer(value=[RecipientResult.of(answer) for answer in answers])


async def message(services: Services, call: Call[None, NoQuery]) -> Reply:
    """Return a message, or 304 when the caller's ETag still holds."""
    key = message_key(call)
    found = await services.messages.get(key) or await services.campaign_recipients.find(key)
    if found is None:
        raise _no_message()
    return tagged(call, MessageAnswer.of(found).model_dump_json(by_alias=True, exclude_none=True))


async def cancel_message(services: Services, call: Call[None, NoQuery]) -> MessageAnswer:
    """Cancel a message that has not gone."""
    key = message_key(call)
    return MessageAnswer.of(await services.campaign_recipients.cancel(key) or await services.sending.cancel(key))


async def check_opt_outs(services: Services, call: Call[OptOutRequest, NoQuery]) -> OptOutAnswer:
    """Tell who has opted out."""
    answers = await services.opt_out_lists.check(call.body.sender, call.body.recipients)
    return OptOutAnswer(value=[OptOutResult.of(answer) for answer in answers])


async def add_opt_outs(services: Services, call: Call[OptOutRequest | str, NoQuery]) -> Reply:
    """Opt recipients out; from a file, all of it or nothing."""
    if isinstance(call.body, str):
        return Reply(ImportAnswer.of(await services.opt_out_lists.load(call.body)))
    answers = await services.opt_out_lists.add(call.body.sender, call.body.recipients)
    return Reply(OptOutAnswer(value=[OptOutResult.of(answer) for answer in answers]))


async def remove_opt_outs(services: Services, call: Call[OptOutRequest, NoQuery]) -> OptOutAnswer:
    """Opt recipients in again."""
    answers = await services.opt_out_lists.remove(call.body.sender, call.body.recipients)
    return OptOutAnswer(value=[OptOutResult.of(answer) for answer in answers])


async def opt_out_history(services: Services, call: Call[HistoryRequest, NoQuery]) -> HistoryAnswer:
    """Return every change of one recipient, the newest first."""
    changes = await services.opt_out_lists.history(call.body.recipient)
    return HistoryAnswer(value=[OptOutChange.of(change) for change in changes])


async def list_opt_outs(services: Services, call: Call[None, OptOutListQuery]) -> OptOutList | Reply:
    """Return a page of the opt-outs in force, or all of them as CSV."""
    if call.query.format == "csv":
        headers = {"Content-Disposition": 'attachment; filename="opt-outs.csv"'}
        return Reply(await services.opt_out_lists.export(), headers=headers, content_type="text/csv")
    entries, cursor = await services.opt_out_lists.page(call.query.max_page_size, call.query.skip_token)
    return OptOutList(value=[OptOutEntry.of(entry) for entry in entries], next_link=next_link(call.url, cursor))


async def health(services: Services, _call: Call[None, NoQuery]) -> HealthAnswer:
    """Return what answers; NotReady, which names what does not, if anything does not."""
    checks = await services.health.checks()
    problems = [ErrorDetail(one.problem.code, one.problem.message, one.name) for one in checks if one.problem]
    if problems:
        raise NotReady("The app cannot do its work now; the details say what is missing.", details=problems)
    return HealthAnswer(status="ready", checks=[CheckAnswer(name=one.name, status="ready") for one in checks])


async def failures(services: Services, call: Call[None, PageQuery]) -> FailureList:
    """Return a page of the work that could not be done, the newest first."""
    found, cursor = await services.failures.page(call.query.max_page_size, call.query.skip_token)
    return FailureList(value=[FailureAnswer.of(one) for one in found], next_link=next_link(call.url, cursor))


async def resend_failure(services: Services, call: Call[None, NoQuery]) -> ResendAnswer:
    """Put one failure back into its queue."""
    failure_id = call.path["id"]
    if not FAILURE_ID.fullmatch(failure_id):
        raise NotFound("There is no failure with this id.", code="FailureNotFound", target="id")
    await services.failures.resend(failure_id)
    return ResendAnswer(resent=1)


async def resend_failures(services: Services, _call: Call[None, NoQuery]) -> ResendAnswer:
    """Put every failure back into its queue."""
    return ResendAnswer(resent=await services.failures.resend_all())


def note_states(answers: Sequence[RecipientAnswer]) -> None:
    """Count in the invocation's line how many recipients there were, and what became of them."""
    note(recipients=len(answers), **Counter(answer.state for answer in answers))


def message_key(call: Call[None, NoQuery]) -> MessageKey:
    """Return the key of the message that a route names; NotFound for what is no id."""
    key = MessageKey.parse(call.path["id"])
    if key is None:
        raise _no_message()
    return key


def _no_message() -> NotFound:
    return NotFound("There is no message with this id.", code="MessageNotFound", target="id")
