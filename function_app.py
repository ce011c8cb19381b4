"""Every trigger of the app: a route or an event, and the service that it goes to."""

import azure.functions as func

from shared.app import SETTINGS, services
from shared.edges import (
    analytics_endpoint,
    api_auto_replies,
    api_explanations,
    campaign_endpoints,
    conversation_endpoints,
    description,
    endpoints,
    events,
    sites,
    work_triggers,
    wrong_addresses,
)
from shared.edges.access import Role
from shared.edges.api_analytics import AnalyticsAnswer, AnalyticsQuery
from shared.edges.api_auto_replies import AutoRepliesAnswer, AutoRepliesRequest
from shared.edges.api_base import NoQuery, PageQuery
from shared.edges.api_campaigns import (
    CampaignAnswer,
    CampaignList,
    CampaignOptions,
    CampaignProgressAnswer,
    CampaignRecipientList,
    CampaignRequest,
    ForecastAnswer,
    RecipientQuery,
)
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
    QuickReplyRequest,
    ReplyRequest,
)
from shared.edges.api_explanations import ExplanationAnswer
from shared.edges.api_failures import FailureList, ResendAnswer
from shared.edges.api_models import (
    HealthAnswer,
    HistoryAnswer,
    HistoryRequest,
    ImportAnswer,
    MessageAnswer,
    MessageList,
    OptOutAnswer,
    OptOutList,
    OptOutListQuery,
    OptOutRequest,
    SendAnswer,
    SendRequest,
)
from shared.edges.campaign_endpoints import CampaignCall
from shared.edges.declarations import JSON
from shared.edges.http import Api, Call, Reply
from shared.edges.triggers import Triggers
from shared.rules.errors import CarrierRefused, Conflict, DailyCapReached, NotReady
from shared.services.outbox import NOTICES_QUEUE
from shared.services.work import CAMPAIGNS_QUEUE, SENDS_QUEUE


async def _admit(caller: str) -> None:
    await services().request_rates.admit(caller)


app = func.FunctionApp()
http = Api(app, sign_in=SETTINGS.sign_in == "on", admit=_admit)
on = Triggers(app, SETTINGS.queue_prefix)


@http.post(
    "messages",
    role=Role.SEND,
    body=SendRequest,
    answers=SendAnswer,
    status=202,
    idempotent=True,
    raises=(Conflict, DailyCapReached, CarrierRefused),
)
async def send_message(call: Call[SendRequest, NoQuery]) -> SendAnswer:
    """Send one text to 1 to 100 recipients."""
    return await endpoints.send(services(), call)


@http.get("messages/{id}", role=Role.READ, query=NoQuery, answers=MessageAnswer, tagged=True)
async def get_message(call: Call[None, NoQuery]) -> Reply:
    """Return one message with its history."""
    return await endpoints.message(services(), call)


@http.get("messages/{id}/explain", role=Role.READ, query=NoQuery, answers=ExplanationAnswer)
async def explain_message(call: Call[None, NoQuery]) -> ExplanationAnswer:
    """Tell in plain words what became of a message, why, and what to do."""
    return await api_explanations.explain(services(), call)


@http.act("messages/{id}", role=Role.SEND, method="DELETE", answers=MessageAnswer, raises=(Conflict,))
async def cancel_message(call: Call[None, NoQuery]) -> MessageAnswer:
    """Cancel a message that has not gone."""
    return await endpoints.cancel_message(services(), call)


@http.upload_with_options(
    "campaigns",
    role=Role.SEND,
    body=CampaignRequest,
    options=CampaignOptions,
    answers=CampaignAnswer,
    status=202,
    limit=campaign_endpoints.BODY_LIMIT,
    idempotent=True,
    monitored=True,
    raises=(Conflict,),
)
async def start_campaign(call: CampaignCall) -> Reply:
    """Send one text to many recipients."""
    return await campaign_endpoints.start(services(), call)


@http.upload_with_options(
    "campaigns/forecast",
    role=Role.SEND,
    body=CampaignRequest,
    options=CampaignOptions,
    answers=ForecastAnswer,
    status=200,
    limit=campaign_endpoints.BODY_LIMIT,
)
async def forecast_campaign(call: CampaignCall) -> ForecastAnswer:
    """Tell what would come of a campaign; sends nothing."""
    return await campaign_endpoints.forecast(services(), call)


@http.get("campaigns", role=Role.READ, query=PageQuery, answers=CampaignList)
async def list_campaigns(call: Call[None, PageQuery]) -> CampaignList:
    """List the campaigns, the newest first."""
    return await campaign_endpoints.campaigns(services(), call)


@http.get("campaigns/{id}", role=Role.READ, query=NoQuery, answers=CampaignProgressAnswer)
async def get_campaign(call: Call[None, NoQuery]) -> CampaignProgressAnswer:
    """Return one campaign and how far it is."""
    return await campaign_endpoints.campaign(services(), call)


@http.get(
    "campaigns/{id}/recipients", role=Role.READ, query=RecipientQuery, answers=CampaignRecipientList, exports=True
)
async def list_campaign_recipients(call: Call[None, RecipientQuery]) -> CampaignRecipientList | Reply:
    """List the recipients of a campaign and where they are, in pages or as one CSV file."""
    return await campaign_endpoints.recipients(services(), call)


@http.act("campaigns/{id}/pause", role=Role.SEND, answers=CampaignAnswer)
async def pause_campaign(call: Call[None, NoQuery]) -> CampaignAnswer:
    """Let nothing more of a campaign go until it is resumed."""
    return await campaign_endpoints.pause(services(), call)


@http.act("campaigns/{id}/resume", role=Role.SEND, answers=CampaignAnswer)
async def resume_campaign(call: Call[None, NoQuery]) -> CampaignAnswer:
    """Go on with a paused campaign."""
    return await campaign_endpoints.resume(services(), call)


@http.act("campaigns/{id}/cancel", role=Role.SEND, answers=CampaignAnswer)
async def cancel_campaign(call: Call[None, NoQuery]) -> CampaignAnswer:
    """Let nothing more of a campaign go, ever."""
    return await campaign_endpoints.cancel(services(), call)


@http.get("failures", role=Role.ADMIN, query=PageQuery, answers=FailureList)
async def list_failures(call: Call[None, PageQuery]) -> FailureList:
    """List the work that could not be done after all tries, the newest first."""
    return await endpoints.failures(services(), call)


@http.act("failures/{id}/resend", role=Role.ADMIN, answers=ResendAnswer)
async def resend_failure(call: Call[None, NoQuery]) -> ResendAnswer:
    """Do one failure's work again."""
    return await endpoints.resend_failure(services(), call)


@http.act("failures/resend", role=Role.ADMIN, answers=ResendAnswer)
async def resend_failures(call: Call[None, NoQuery]) -> ResendAnswer:
    """Do the work of all failures again."""
    return await endpoints.resend_failures(services(), call)


@http.post("opt-outs/check", role=Role.READ, body=OptOutRequest, answers=OptOutAnswer)
async def check_opt_outs(call: Call[OptOutRequest, NoQuery]) -> OptOutAnswer:
    """Tell which recipients have opted out."""
    return await endpoints.check_opt_outs(services(), call)


@http.upload(
    "opt-outs/add",
    role=Role.SEND,
    body=OptOutRequest,
    file="text/csv",
    answers=OptOutAnswer,
    file_answers=ImportAnswer,
)
async def add_opt_outs(call: Call[OptOutRequest | str, NoQuery]) -> Reply:
    """Opt recipients out, or load a file of opt-outs."""
    return await endpoints.add_opt_outs(services(), call)


@http.post("opt-outs/remove", role=Role.ADMIN, body=OptOutRequest, answers=OptOutAnswer)
async def remove_opt_outs(call: Call[OptOutRequest, NoQuery]) -> OptOutAnswer:
    """Opt recipients in again."""
    return await endpoints.remove_opt_outs(services(), call)


@http.post("opt-outs/history", role=Role.READ, body=HistoryRequest, answers=HistoryAnswer)
async def opt_out_history(call: Call[HistoryRequest, NoQuery]) -> HistoryAnswer:
    """Return every change of one recipient."""
    return await endpoints.opt_out_history(services(), call)


@http.get("opt-outs", role=Role.READ, query=OptOutListQuery, answers=OptOutList, exports=True)
async def list_opt_outs(call: Call[None, OptOutListQuery]) -> OptOutList | Reply:
    """List the opt-outs in force, in pages or as one CSV file."""
    return await endpoints.list_opt_outs(services(), call)


@http.get("conversations", role=Role.READ, query=PageQuery, answers=ConversationList, tagged=True)
async def list_conversations(call: Call[None, PageQuery]) -> Reply:
    """List the conversations, the latest first."""
    return await conversation_endpoints.conversations(services(), call)


@http.post("conversations/search", role=Role.READ, body=ConversationSearch, answers=ConversationSearchAnswer)
async def search_conversations(call: Call[ConversationSearch, NoQuery]) -> ConversationSearchAnswer:
    """Find conversations by sender, number, text, time, and what is still to be done."""
    return await conversation_endpoints.search(services(), call)


@http.get("conversations/{id}", role=Role.READ, query=NoQuery, answers=ConversationAnswer, tagged=True)
async def get_conversation(call: Call[None, NoQuery]) -> Reply:
    """Return one conversation, and whether the person has opted out."""
    return await conversation_endpoints.conversation(services(), call)


@http.patch(
    "conversations/{id}",
    role=Role.SEND,
    body=ConversationPatch,
    answers=ConversationAnswer,
    conditional=True,
)
async def change_conversation(call: Call[ConversationPatch, NoQuery]) -> Reply:
    """Assign, label, close or open a conversation, or mark it as read."""
    return await conversation_endpoints.change(services(), call)


@http.get("conversations/{id}/messages", role=Role.READ, query=PageQuery, answers=MessageList, tagged=True)
async def list_conversation_messages(call: Call[None, PageQuery]) -> Reply:
    """List the messages of a conversation, the newest first."""
    return await conversation_endpoints.messages(services(), call)


@http.post(
    "conversations/{id}/messages",
    role=Role.SEND,
    body=ReplyRequest,
    answers=SendAnswer,
    status=202,
    idempotent=True,
    raises=(Conflict, DailyCapReached, CarrierRefused),
)
async def reply_to_conversation(call: Call[ReplyRequest, NoQuery]) -> SendAnswer:
    """Answer the person from the number that the conversation is with."""
    return await conversation_endpoints.reply(services(), call)


@http.get("conversations/{id}/notes", role=Role.READ, query=PageQuery, answers=NoteList)
async def list_notes(call: Call[None, PageQuery]) -> NoteList:
    """List the notes about a conversation, the newest first."""
    return await conversation_endpoints.notes(services(), call)


@http.post(
    "conversations/{id}/notes",
    role=Role.SEND,
    body=NoteRequest,
    answers=NoteAnswer,
    status=201,
    idempotent=True,
    raises=(Conflict,),
)
async def add_note(call: Call[NoteRequest, NoQuery]) -> NoteAnswer:
    """Keep a note about a conversation, which is never sent."""
    return await conversation_endpoints.add_note(services(), call)


@http.get("quick-replies", role=Role.READ, query=NoQuery, answers=QuickReplyAnswer, tagged=True)
async def get_quick_replies(call: Call[None, NoQuery]) -> Reply:
    """Return the templates of what the team writes often."""
    return await conversation_endpoints.quick_replies(services(), call)


@http.put("quick-replies", role=Role.ADMIN, body=QuickReplyRequest, answers=QuickReplyAnswer, conditional=True)
async def set_quick_replies(call: Call[QuickReplyRequest, NoQuery]) -> Reply:
    """Put other templates in the place of those there are."""
    return await conversation_endpoints.set_quick_replies(services(), call)


@http.get("auto-replies", role=Role.READ, query=NoQuery, answers=AutoRepliesAnswer, tagged=True)
async def get_auto_replies(call: Call[None, NoQuery]) -> Reply:
    """Return the rules of automatic answers."""
    return await api_auto_replies.auto_replies(services(), call)


@http.put("auto-replies", role=Role.ADMIN, body=AutoRepliesRequest, answers=AutoRepliesAnswer, conditional=True)
async def set_auto_replies(call: Call[AutoRepliesRequest, NoQuery]) -> Reply:
    """Set the rules of automatic answers, all of them."""
    return await api_auto_replies.set_auto_replies(services(), call)


@http.get("analytics", role=Role.READ, query=AnalyticsQuery, answers=AnalyticsAnswer, exports=True)
async def get_analytics(call: Call[None, AnalyticsQuery]) -> AnalyticsAnswer | Reply:
    """Count what was sent, what became of it, who answered and who left, as JSON or CSV."""
    return await analytics_endpoint.analytics(services(), call)


@http.get("health", role=Role.ANYONE, query=NoQuery, answers=HealthAnswer, raises=(NotReady,))
async def health(call: Call[None, NoQuery]) -> HealthAnswer:
    """Tell whether the app can do its work, and why not."""
    return await endpoints.health(services(), call)


@http.file("openapi.json", role=Role.ANYONE, media_type=JSON, tagged=True)
async def get_openapi(call: Call[None, NoQuery]) -> Reply:
    """Return the description of this API, in OpenAPI 3.1."""
    return await description.openapi(http, call)


@http.page("docs")
def get_docs(req: func.HttpRequest) -> func.HttpResponse:
    """Return the page that shows the description of this API."""
    return sites.API_DOCS.serve(req, sites.API_DOCS.page)


@http.page("docs/{name}")
def get_docs_file(req: func.HttpRequest) -> func.HttpResponse:
    """Return a script or style of that page."""
    return sites.API_DOCS.serve(req, req.route_params["name"])


@http.page("console")
def get_console(req: func.HttpRequest) -> func.HttpResponse:
    """Return the page of the console, which holds no data."""
    return sites.CONSOLE.serve(req, sites.CONSOLE.page)


@http.page("console/{name}")
def get_console_file(req: func.HttpRequest) -> func.HttpResponse:
    """Return a script or style of the console."""
    return sites.CONSOLE.serve(req, req.route_params["name"])


@http.otherwise
def wrong_address(req: func.HttpRequest) -> func.HttpResponse:
    """Tell who asks for what there is not what is wrong: the address, or the method."""
    raise wrong_addresses.refusal(http.addresses, req.method, req.route_params.get("address", ""))


@on.event
async def sms_received(event: func.EventGridEvent) -> None:
    """Take a text that came in: store it once, hear STOP and START, answer where that is ours to do, relay it."""
    await events.text_received(services(), event)


@on.event
async def sms_delivery_report(event: func.EventGridEvent) -> None:
    """Take a delivery report: move its message's state forward."""
    await events.report_received(services(), event)


@on.queue(SENDS_QUEUE)
async def send_batch(message: func.QueueMessage) -> None:
    """Go on with a request whose texts could not go at once."""
    await work_triggers.batch(services(), message)


@on.queue(CAMPAIGNS_QUEUE)
async def send_chunk(message: func.QueueMessage) -> None:
    """Go on with a chunk of a campaign."""
    await work_triggers.chunk(services(), message)


@on.queue(NOTICES_QUEUE)
async def deliver_notices(message: func.QueueMessage) -> None:
    """Post what waits for the webhook, of one conversation in order."""
    await work_triggers.lane(services(), message)


@on.queue(f"{SENDS_QUEUE}-poison")
async def keep_failed_batch(message: func.QueueMessage) -> None:
    """Keep what could not be done after all tries, for GET failures."""
    await work_triggers.failed(services(), SENDS_QUEUE, message)


@on.queue(f"{CAMPAIGNS_QUEUE}-poison")
async def keep_failed_chunk(message: func.QueueMessage) -> None:
    """Keep what could not be done after all tries, for GET failures."""
    await work_triggers.failed(services(), CAMPAIGNS_QUEUE, message)


@on.queue(f"{NOTICES_QUEUE}-poison")
async def keep_failed_lane(message: func.QueueMessage) -> None:
    """Keep what could not be done after all tries, for GET failures."""
    await work_triggers.failed(services(), NOTICES_QUEUE, message)


@on.timer("*/15 * * * * *")
async def release_due() -> None:
    """Wake what is due, and take up what a dead worker or a lost queue message left."""
    await work_triggers.release(services())


@on.timer("*/15 * * * * *")
async def wake_lanes() -> None:
    """Wake the lanes of notices that are due, and those whose worker died or whose queue message was lost."""
    await work_triggers.wake_lanes(services())


@on.timer("0 7 * * * *")
async def settle_missing_reports() -> None:
    """Call unknown what no delivery report came for in time."""
    await work_triggers.settle(services())


@on.timer("0 */10 * * * *")
async def roll_up() -> None:
    """Add up the hours that have closed, and those that have changed since, for the analytics."""
    await work_triggers.roll_up(services())


@on.timer("0 37 * * * *")
async def clear_broken_uploads() -> None:
    """Delete what campaigns left whose upload broke off, and what was counted for limits whose time is over."""
    await work_triggers.clear(services())
