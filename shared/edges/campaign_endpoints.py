"""What each endpoint of campaigns does: from a checked call to a service, and from what it returns to an answer."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from uuid import uuid4

from shared.edges.api_base import NoQuery, PageQuery, ms_of
from shared.edges.api_campaigns import (
    CampaignAnswer,
    CampaignList,
    CampaignOptions,
    CampaignProgressAnswer,
    CampaignRecipientAnswer,
    CampaignRecipientList,
    CampaignRequest,
    ForecastAnswer,
    RecipientQuery,
)
from shared.edges.http import Call, Reply
from shared.edges.http_requests import Upload, idempotency_key
from shared.edges.paging import link_below, next_link
from shared.edges.path_ids import CAMPAIGN_ID
from shared.rules.choices import ChoiceWords
from shared.rules.csv_cells import to_cell
from shared.rules.errors import NotFound
from shared.rules.ids import digest
from shared.services import campaign_plans
from shared.services.bundle import Services
from shared.services.campaign_progress import RecipientState
from shared.services.campaign_rows import Row, RowError, number_rows, read_csv
from shared.services.campaigns import Status

BODY_LIMIT = 16 * 1024**2
CampaignCall = Call[CampaignRequest | Upload[CampaignOptions], NoQuery]

_HEADER = ("row", "to", "state", "reason", "choice", "id")
_MOST_PER_READ = 1000


async def start(services: Services, call: CampaignCall) -> Reply:
    """Store a campaign and set it going, once per idempotency key."""
    key = idempotency_key(call.headers) or str(uuid4())
    campaign = await services.campaign_plans.start(_request_of(services, call), f"campaign:{key}")
    return Reply(CampaignAnswer.of(campaign), headers={"Operation-Location": link_below(call.url, campaign.id)})


async def forecast(services: Services, call: CampaignCall) -> ForecastAnswer:
    """Tell what would come of a campaign."""
    request = _request_of(services, call)
    return ForecastAnswer.of(await services.campaign_plans.forecast(request), request.sender.rate.units)


async def campaigns(services: Services, call: Call[None, PageQuery]) -> CampaignList:
    """Return a page of campaigns, the newest first."""
    found, cursor = await services.campaigns.page(call.query.max_page_size, call.query.skip_token)
    return CampaignList(value=[CampaignAnswer.of(one) for one in found], next_link=next_link(call.url, cursor))


async def campaign(services: Services, call: Call[None, NoQuery]) -> CampaignProgressAnswer:
    """Return how far a campaign is."""
    progress = await services.campaign_progress.of(_id(call.path["id"]))
    sender = services.senders.find(progress.campaign.sender)
    return CampaignProgressAnswer.of_progress(progress, sender.rate.units if sender else None)


async def recipients(services: Services, call: Call[None, RecipientQuery]) -> CampaignRecipientList | Reply:
    """Return a page of a campaign's recipients, or all of them as CSV."""
    campaign_id, query = _id(call.path["id"]), call.query
    if query.format == "csv":
        headers = {"Content-Disposition": 'attachment; filename="recipients.csv"'}
        everybody = await _everybody(services, campaign_id, query.state)
        return Reply(_csv(everybody), headers=headers, content_type="text/csv")
    found, cursor = await services.campaign_progress.recipients(
        campaign_id, query.state, query.max_page_size, query.skip_token
    )
    return CampaignRecipientList(
        value=[CampaignRecipientAnswer.of(one) for one in found], next_link=next_link(call.url, cursor)
    )


async def pause(services: Services, call: Call[None, NoQuery]) -> CampaignAnswer:
    """Let nothing more go until it is resumed."""
    return CampaignAnswer.of(await services.campaigns.set_status(_id(call.path["id"]), Status.PAUSED))


async def resume(services: Services, call: Call[None, NoQuery]) -> CampaignAnswer:
    """Go on with a paused campaign."""
    return await _change(services, call, Status.RUNNING)


async def cancel(services: Services, call: Call[None, NoQuery]) -> CampaignAnswer:
    """Let nothing more go, ever."""
    return await _change(services, call, Status.CANCELED)


async def _change(services: Services, call: Call[None, NoQuery], status: Status) -> CampaignAnswer:
    changed = await services.campaigns.set_status(_id(call.path["id"]), status)
    await services.releases.feed(changed)
    return CampaignAnswer.of(changed)


def _request_of(services: Services, call: CampaignCall) -> campaign_plans.CampaignRequest:
    options, rows, content = _opened(call.body)
    sender = services.senders.choose(options.sender)
    return campaign_plans.CampaignRequest(
        name=options.name,
        sender=sender,
        text=options.text,
        rows=rows,
        tag=options.tag,
        send_at_ms=ms_of(options.send_at),
        not_after_ms=ms_of(options.not_after),
        quiet=options.quiet_hours,
        delivery_report=options.delivery_report,
        caller=call.caller,
        words=ChoiceWords.of(options.confirm_words, options.cancel_words),
        fingerprint=digest(sender.name, options.model_dump_json(exclude={"sender", "recipients"}), content),
    )


def _opened(
    body: CampaignRequest | Upload[CampaignOptions],
) -> tuple[CampaignOptions, Iterable[Row | RowError], str]:
    """Return the options, the rows, and what stands for the rows when the same request comes again."""
    if isinstance(body, Upload):
        return body.options, read_csv(body.file), body.file
    rows = number_rows((one.to, one.vars) for one in body.recipients)
    return body, rows, body.model_dump_json(include={"recipients"})


def _id(written: str) -> str:
    if not CAMPAIGN_ID.fullmatch(written):
        raise NotFound("There is no campaign with this id.", code="CampaignNotFound", target="id")
    return written


async def _everybody(services: Services, campaign_id: str, state: str | None) -> Sequence[RecipientState]:
    found: list[RecipientState] = []
    cursor: str | None = None
    while True:
        page, cursor = await services.campaign_progress.recipients(campaign_id, state, _MOST_PER_READ, cursor)
        found += page
        if cursor is None:
            return sorted(found, key=lambda one: one.row)


def _csv(everybody: Sequence[RecipientState]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(_HEADER)
    writer.writerows((one.row, to_cell(one.to), one.state, one.reason, one.choice, one.id) for one in everybody)
    return file.getvalue()
