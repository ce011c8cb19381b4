"""What the endpoints of conversations do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from shared.edges.api_base import NoQuery, PageQuery, ms_of
from shared.edges.api_conversations import (
    ConversationAnswer,
    ConversationList,
    ConversationPatch,
    ConversationSearch,
    ConversationSearchAnswer,
    NoteAnswer,
    NoteList,
    NoteRequest,
    QuickReplyAnswer,
    QuickReplyModel,
    QuickReplyRequest,
    ReplyRequest,
)
from shared.edges.api_models import MessageAnswer, MessageList, RecipientResult, SendAnswer
from shared.edges.endpoints import note_states
from shared.edges.http import Call, Reply, etag_of, tagged
from shared.edges.http_requests import idempotency_key, matches
from shared.edges.paging import next_link
from shared.rules.errors import Conflict, PreconditionFailed
from shared.rules.states import State
from shared.services.bundle import Services
from shared.services.conversation import Conversation, Decision
from shared.services.conversation_criteria import Criteria
from shared.services.quick_replies import QuickReply
from shared.services.recipients import Recipient, recipient_of
from shared.services.sending import Text


async def conversations(services: Services, call: Call[None, PageQuery]) -> Reply:
    """Return a page of conversations, the latest first; 304 when the caller's first page still holds."""
    known = call.headers.get("if-none-match", "").strip().removeprefix("W/").strip('"')
    if known and not call.query.skip_token and await services.conversations.holds(known):
        return Reply("", status=304, headers={"ETag": f'"{known}"'})
    found = await services.conversations.search(Criteria(), call.query.max_page_size, call.query.skip_token)
    value = [ConversationAnswer.of(one) for one in found.conversations]
    answer = ConversationList(value=value, next_link=next_link(call.url, found.cursor))
    if call.query.skip_token:
        return tagged(call, answer.model_dump_json(by_alias=True, exclude_none=True))
    return Reply(answer, headers={"ETag": f'"{found.version}"'})


async def search(services: Services, call: Call[ConversationSearch, NoQuery]) -> ConversationSearchAnswer:
    """Return a page of the conversations that are looked for."""
    body = call.body
    found = await services.conversations.search(_criteria(services, body), body.max_page_size, body.skip_token)
    return ConversationSearchAnswer(
        value=[ConversationAnswer.of(one) for one in found.conversations], skip_token=found.cursor
    )


async def conversation(services: Services, call: Call[None, NoQuery]) -> Reply:
    """Return a conversation, or 304 when the caller's ETag still holds."""
    return tagged(call, await _shown(services, await services.conversations.find(call.path["id"])))


async def change(services: Services, call: Call[ConversationPatch, NoQuery]) -> Reply:
    """Assign, label, close or open a conversation, or mark it as read."""
    body = call.body
    decision = Decision(
        assignee=body.assignee,
        labels=None if body.labels is None else tuple(dict.fromkeys(body.labels)),
        is_open=None if body.status is None else body.status == "open",
        read_row=body.read_up_to.partition(".")[2] if body.read_up_to else None,
    )

    async def accept(one: Conversation) -> None:
        if "if-match" in call.headers and not matches(call.headers, etag_of(await _shown(services, one))):
            raise PreconditionFailed("This has changed since you read it. Read it again, and decide by what it is now.")

    changed = await services.conversations.change(call.path["id"], decision, accept)
    return tagged(replace(call, headers={}), await _shown(services, changed))


async def messages(services: Services, call: Call[None, PageQuery]) -> Reply:
    """Return a page of a conversation, the newest first; 304 when the caller's ETag still holds."""
    limit, cursor = call.query.max_page_size, call.query.skip_token
    found, following = await services.conversations.messages(call.path["id"], limit, cursor)
    answer = MessageList(value=[MessageAnswer.of(one) for one in found], next_link=next_link(call.url, following))
    return tagged(call, answer.model_dump_json(by_alias=True, exclude_none=True))


async def reply(services: Services, call: Call[ReplyRequest, NoQuery]) -> SendAnswer:
    """Answer the person from the number that the conversation is with."""
    one = await services.conversations.find(call.path["id"])
    text = Text(
        sender=services.senders.choose(one.newest.sender),
        recipients=(Recipient(one.newest.recipient),),
        text=call.body.text,
        tag=call.body.tag,
        caller=call.caller,
    )
    key = idempotency_key(call.headers)
    answers = await services.sending.send(text, key and f"caller:{key}")
    note_states(answers)
    if answers[0].state == State.SUPPRESSED:
        raise Conflict(
            "The person has opted out of this sender, so the answer was not sent. They can text START to come back.",
            code="RecipientOptedOut",
            target="id",
        )
    return SendAnswer(value=[RecipientResult.of(answer) for answer in answers])


async def add_note(services: Services, call: Call[NoteRequest, NoQuery]) -> NoteAnswer:
    """Keep a note about a conversation, once per idempotency key."""
    one = await services.conversations.find(call.path["id"])
    key = idempotency_key(call.headers) or str(uuid4())
    return NoteAnswer.of(await services.notes.add(one.id, call.body.text, call.caller, key))


async def notes(services: Services, call: Call[None, PageQuery]) -> NoteList:
    """Return a page of the notes about a conversation, the newest first."""
    await services.conversations.find(call.path["id"])
    found, cursor = await services.notes.page(call.path["id"], call.query.max_page_size, call.query.skip_token)
    return NoteList(value=[NoteAnswer.of(note) for note in found], next_link=next_link(call.url, cursor))


async def quick_replies(services: Services, call: Call[None, NoQuery]) -> Reply:
    """Return the quick replies, or 304 when the caller's ETag still holds."""
    return tagged(call, _offered(await services.quick_replies.get()))


async def set_quick_replies(services: Services, call: Call[QuickReplyRequest, NoQuery]) -> Reply:
    """Put these quick replies in the place of those there are."""
    replies = tuple(QuickReply(one.name, one.text) for one in call.body.value)
    await services.quick_replies.put(replies, lambda known: matches(call.headers, etag_of(_offered(known))))
    return tagged(replace(call, headers={}), _offered(replies))


def _criteria(services: Services, body: ConversationSearch) -> Criteria:
    recipient = recipient_of(body.recipient, services.region) if body.recipient else None
    if recipient and recipient.problem:
        raise recipient.problem
    return Criteria(
        sender=services.senders.choose(body.sender).name if body.sender else "",
        recipient=recipient.number if recipient else "",
        text=body.text or "",
        start_ms=ms_of(body.after),
        end_ms=ms_of(body.before),
        unread=body.unread,
        waiting=body.waiting,
        is_open=None if body.status is None else body.status == "open",
        assignee=body.assignee,
        label=body.label or "",
    )


async def _shown(services: Services, one: Conversation) -> str:
    (standing,) = await services.opt_out_lists.check(one.newest.sender, [one.newest.recipient])
    answer = ConversationAnswer.of(one, opted_out=bool(standing.opted_out))
    return answer.model_dump_json(by_alias=True, exclude_none=True)


def _offered(replies: Sequence[QuickReply]) -> str:
    return QuickReplyAnswer(value=[QuickReplyModel.of(one) for one in replies]).model_dump_json(by_alias=True)
