"""What each field, parameter and tag of the API means, with an example: the words of the OpenAPI document.

A name means the same wherever it occurs; where it does not, there is a line `Model.name` as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.rules.choices import Choice
from shared.rules.reasons import Reason, ReasonKind
from shared.rules.segments import Encoding
from shared.rules.states import State
from shared.services.analytics import Interval
from shared.services.campaigns import Status
from shared.services.messages import Direction
from shared.services.opt_outs import Consent, Source
from shared.services.tallies import GroupBy

_MESSAGE = "9efc87c2846c826fbd98f8cf6f9344c3.98204653046263-07d40858-e3aa-5120-9c25-a7b9fb43d1d2"
_CONVERSATION = "9efc87c2846c826fbd98f8cf6f9344c3"
_CAMPAIGN = "b4b01ff2e1960f6af21458ff26a56476"
_FAILURE = "98204649204842-c6a60671abb729de3328f651f950dde9"
_NUMBER, _SENDER, _TIME = "+14255550123", "+18005550100", "2026-11-22T11:29:13.736Z"


@dataclass(frozen=True, slots=True)
class Word:
    """What a field means, an example of it, and the values that it can have, where they are few."""

    means: str
    example: object = None
    values: Iterable[str] = ()


FIELDS: Mapping[str, Word] = {
    "ExplanationAnswer.why": Word("Why the message is where it is.", "The recipient's number does not exist."),
    "whatToDo": Word("What to do about it, in plain words.", "Nothing needs to be done."),
    "timeline": Word("What happened, in order of time."),
    "confirmWords": Word("Words by which the person confirms, each a whole text.", ["C", "YES", "1"]),
    "cancelWords": Word("Words by which the person cancels, each a whole text.", ["X", "NO", "2"]),
    "choice": Word("What the person has chosen by one of the words.", Choice.CONFIRM, Choice),
    "chosenAt": Word("When the text with that word was received.", _TIME),
    "confirms": Word("Outbound messages whose recipient has confirmed.", 1),
    "cancels": Word("Outbound messages whose recipient has canceled, by a text.", 0),
    "rules": Word("In this order: the first that is for a text answers it."),
    "AutoReplyRuleRequest.keyword": Word("The whole text; case and punctuation around it make no difference.", "HOURS"),
    "AutoReplyRuleAnswer.keyword": Word("The whole text; case and punctuation around it make no difference.", "HOURS"),
    "pattern": Word("The form of the text, in which `*` stands for anything; case makes no difference.", "*opening*"),
    "AutoReplyRuleRequest.text": Word("The answer.", "We are open from 9 to 5."),
    "AutoReplyRuleAnswer.text": Word("The answer.", "We are open from 9 to 5."),
    "AutoReplyRuleRequest.from": Word("Only for texts to this sender; left out, to all.", _SENDER),
    "AutoReplyRuleAnswer.from": Word("Only for texts to this sender; left out, to all.", _SENDER),
    "officeHoursOnly": Word("`true`: not while the office is closed.", False),
    "officeHours": Word("When the office is open; left out, always."),
    "outOfOfficeText": Word("The answer to what no rule answers while the office is closed.", "We are closed."),
    "days": Word("Days of the week.", ["monday", "friday"]),
    "hours": Word("From when up to when, on one day; 24:00 is the end of the day.", "09:00-17:00"),
    "timeZone": Word("The IANA time zone of the office.", "America/Los_Angeles"),
    "optOut": Word("The opt-out that keeps texts back."),
    "mayBeTexted": Word("Whether the person may be texted by this sender now.", True),
    "happened": Word("What happened, in plain words.", "The carrier took it."),
    "unread": Word("How many texts came in that nobody has read or answered; 20 at most.", 2),
    "ConversationSearch.unread": Word("Whether there are texts that nobody has read or answered.", True),
    "waiting": Word("Whether the person waits for an answer.", True),
    "waitingSince": Word("Since when the person waits for an answer.", _TIME),
    "assignee": Word("Who is to answer, as your team calls them; empty for nobody.", "Ann"),
    "label": Word("One of the labels.", "billing"),
    "labels": Word("What your team calls such conversations; up to 20.", ["billing"]),
    "ConversationAnswer.status": Word("Whether there is still something to do.", "open", ("open", "closed")),
    "ConversationSearch.status": Word("Whether there is still something to do.", "open", ("open", "closed")),
    "ConversationPatch.status": Word(
        "`closed` until the person writes again, `open` at once.", "closed", ("open", "closed")
    ),
    "readUpTo": Word("The newest message that was read.", _MESSAGE),
    "ConversationSearch.recipient": Word("The person's phone number.", _NUMBER),
    "ConversationSearch.text": Word("What one of the texts holds, in any case.", "table"),
    "after": Word("Only what was said at this time or later.", _TIME),
    "before": Word("Only what was said before this time.", _TIME),
    "maxPageSize": Word("The most results of a page.", 100),
    "author": Word("An id of the caller, which tells neither the key nor the person.", "key.sending"),
    "ConversationSearch.skipToken": Word("Which page: what the page before it answered.", "WyJPVGc1Il0="),
    "ConversationSearchAnswer.skipToken": Word("Asks for the next page; left out on the last one.", "WyJPVGc1Il0="),
    "QuickReplyModel.name": Word("What it is called in the list.", "Opening hours"),
    "campaignId": Word("The campaign that the message belongs to.", _CAMPAIGN),
    "accepted": Word("Outbound messages, whatever became of them.", 7),
    "advice": Word("What to do about it.", "Ask the recipient for their number and remove this one."),
    "amount": Word("A decimal number, in the currency of `SMS_PRICES`.", "0.7900"),
    "at": Word("When it was accepted, received or changed.", _TIME),
    "avoidable": Word("How many fewer segments there would be without the characters that make texts longer.", 10),
    "body": Word("What the work is, as it was in the queue; no number and no text.", '{"batch": "98204649204842"}'),
    "byEncoding": Word("The texts and segments of each encoding."),
    "canceled": Word("Outbound messages that were canceled.", 0),
    "changed": Word("Opt-outs of the file that were not in force as they are in it.", 1),
    "character": Word("A character that makes texts longer on the radio path.", "–"),
    "characters": Word("What makes texts longer, the dearest first; 100 at most."),
    "checks": Word("The parts that the app needs."),
    "code": Word("A stable code.", "numberDoesNotExist"),
    "Error.code": Word("A stable code; docs/error-codes.md has them all.", "InvalidRequest"),
    "ErrorDetail.code": Word("A stable code; docs/error-codes.md has them all.", "MissingField"),
    "Reason.code": Word("A stable code.", Reason.NUMBER_DOES_NOT_EXIST, Reason),
    "RowErrorAnswer.code": Word("Why the row cannot be texted.", "ShortNumberNotAllowed"),
    "conversationId": Word("The conversation that the message is in.", _CONVERSATION),
    "cost": Word("What the sent messages cost by `SMS_PRICES`, a decimal number.", "0.0474"),
    "ForecastAnswer.cost": Word("What the texts cost by `SMS_PRICES`."),
    "counts": Word("Recipients by state.", {"delivered": 98, "suppressed": 2}),
    "createdAt": Word("When the campaign was stored.", _TIME),
    "dailyCapHoldsAt": Word("When a daily cap would hold it up first, at the earliest; left out if none would.", _TIME),
    "delivered": Word("Outbound messages that are delivered.", 4),
    "deliveryCode": Word("The carrier's own code, as it came in the delivery report.", "2000"),
    "deliveryRate": Word("`delivered` / `sent`.", 0.6667),
    "deliveryReport": Word("`false` asks ACS for no report; the message then stays `sent`.", True),
    "details": Word("What is wrong, where it is several things."),
    "direction": Word("Which way it went.", Direction.OUTBOUND, Direction),
    "duplicates": Word("Rows that were left out, since their recipient is in an earlier one.", 0),
    "durationSeconds": Word("How long it takes.", 30),
    "encoding": Word("UCS-2 as soon as one character is not in the GSM alphabet.", Encoding.GSM_7, Encoding),
    "endsAt": Word("When the last text will have gone.", _TIME),
    "error": Word("What went wrong."),
    "errorCount": Word("Rows that cannot be texted.", 1),
    "errorMessage": Word("Why nothing was done for this recipient.", "This is not a phone number."),
    "errors": Word("The first 100 rows that cannot be texted."),
    "estimatedEndAt": Word("When the last text will have gone, about; while the campaign runs.", _TIME),
    "expired": Word("Outbound messages that had not gone by their `notAfter`.", 0),
    "failed": Word("Outbound messages that failed, or that ACS did not take.", 1),
    "failedAt": Word("When it was given up.", _TIME),
    "format": Word("`csv` gives the whole list in one file.", "json"),
    "from": Word("One of the app's senders; left out, the default one.", _SENDER),
    "MessageAnswer.from": Word("Who texted.", _SENDER),
    "CampaignAnswer.from": Word("The sender.", _SENDER),
    "CampaignProgressAnswer.from": Word("The sender.", _SENDER),
    "OptOutRequest.from": Word("One of the app's senders; left out, all of them.", _SENDER),
    "AnalyticsQuery.from": Word("The beginning of the range, with a zone.", "2026-11-22T00:00:00Z"),
    "AnalyticsAnswer.from": Word("The beginning of the range.", "2026-11-22T00:00:00.000Z"),
    "group": Word("The tag, sender, campaign, country or reason that is counted here.", _SENDER),
    "groupBy": Word("What the counts are split by.", GroupBy.SENDER, GroupBy),
    "helps": Word("Texts that asked for help.", 0),
    "history": Word("Every state, in order of time."),
    "hour": Word("The hour of the day, 0 to 23, UTC.", 11),
    "hoursOfDay": Word("How busy each hour of the day is, over the whole range."),
    "httpStatusCode": Word("The result for this recipient.", 200),
    "id": Word("Opaque, and without a phone number.", _MESSAGE),
    "CampaignAnswer.id": Word("Opaque.", _CAMPAIGN),
    "CampaignProgressAnswer.id": Word("Opaque.", _CAMPAIGN),
    "ConversationAnswer.id": Word("Opaque, and without a phone number.", _CONVERSATION),
    "FailureAnswer.id": Word("Opaque.", _FAILURE),
    "inQuietHours": Word("Recipients for whom it would be outside the hours that are allowed, if it began now.", 12),
    "inTemplate": Word("Whether the character is in the text itself, not in a recipient's values.", True),
    "inbound": Word("Texts that came in, keywords included.", 2),
    "instead": Word("What to write instead, if anything is the same.", "-"),
    "interval": Word("How long a bucket is.", Interval.DAY, Interval),
    "isOptedOut": Word("Whether the recipient has opted out.", True),
    "keyword": Word("The word, in capitals, if the text was one of STOP, START, HELP and the like.", "STOP"),
    "kind": Word("What sort of reason it is.", ReasonKind.PERMANENT, ReasonKind),
    "lastActivityAt": Word("When the newest message was accepted or received.", _TIME),
    "lastMessage": Word("The newest message."),
    "leaks": Word("Sent messages whose recipient's opt-out had been stored when the request to ACS left.", 0),
    "maxpagesize": Word("The most that a page may have.", 100),
    "meaning": Word("The reason in plain words.", "The recipient's number does not exist."),
    "message": Word("For people; it may change.", "This field must be given."),
    "msToCarrier": Word("From acceptance to ACS, in milliseconds."),
    "msToReport": Word("From ACS to the delivery report, in milliseconds."),
    "name": Word("For you; 1 to 128 characters.", "Spring sale"),
    "CheckAnswer.name": Word("Which part.", "storage"),
    "nextLink": Word("The whole URL of the next page, without your key; not there on the last one."),
    "notAfter": Word("What has not gone by then is `expired`. It must be later than `sendAt`, and than now."),
    "notAllowed": Word("Recipients in countries that `SMS_COUNTRIES` does not have.", 0),
    "optIns": Word("Changes to opted in.", 1),
    "optOutRate": Word("`optOuts` / `sent`.", 0.3333),
    "optOuts": Word("Changes to opted out.", 1),
    "optedOut": Word("Recipients who have opted out.", 3),
    "p50": Word("Half were done within this time.", 63),
    "p95": Word("95 % were done within this time.", 123),
    "p99": Word("99 % were done within this time.", 123),
    "pacePerMinute": Word("How many texts the sender may send in a minute.", 200),
    "progress": Word("The share of recipients that wait no more, 0 to 1.", 0.5),
    "queue": Word("The queue that the work was in.", "sms-campaigns"),
    "quietHours": Word("`false`: text at any hour of the recipient's day.", True),
    "heldUntil": Word("Until when a daily cap holds it up: midnight UTC; left out if none does.", _TIME),
    "CampaignProgressAnswer.reason": Word("Why it is held.", Reason.DAILY_CAP),
    "reason": Word("Why it is in this state.", Reason.OPTED_OUT),
    "MessageAnswer.reason": Word("Why it is in this state."),
    "recipient": Word("A phone number in international form.", _NUMBER),
    "recipients": Word("How many there are.", 100),
    "CampaignRequest.recipients": Word("1 to 100,000 recipients."),
    "OptOutRequest.recipients": Word("1 to 100 phone numbers in international form.", [_NUMBER]),
    "resent": Word("How many went back into their queues.", 1),
    "responseRate": Word("`responses` / `sent`.", 0.1667),
    "responses": Word("Outbound messages that were answered in time.", 1),
    "row": Word("The row of the recipient in the request, from 1.", 1),
    "scope": Word("The sender that the opt-out is of, or `*` for all.", _SENDER),
    "scopes": Word("The senders that the change was of, or `*` for all.", [_SENDER]),
    "segments": Word("What the text takes on the radio path, and what carriers charge for.", 1),
    "ForecastAnswer.segments": Word("The segments of all texts."),
    "sendAt": Word("When to send, with a zone; left out or past: now."),
    "sender": Word("One of the app's senders.", _SENDER),
    "sent": Word("Outbound messages that the carrier took, whatever became of them there.", 6),
    "since": Word("When it took effect.", _TIME),
    "skipToken": Word("Where the page begins, from `nextLink`. Opaque."),
    "source": Word("What the change came from.", Source.SMS, Source),
    "start": Word("When the bucket begins.", "2026-11-22T00:00:00.000Z"),
    "startsAt": Word("When the first text would go.", _TIME),
    "state": Word("Where it is.", State.DELIVERED, State),
    "RecipientResult.state": Word("What became of it.", State.SENT, (*State, "rejected")),
    "OptOutChange.state": Word("Where the recipient stands since then.", Consent.OPTED_OUT, Consent),
    "RecipientQuery.state": Word("Only those in this state.", State.DELIVERED),
    "status": Word("Where it is.", Status.RUNNING, Status),
    "CheckAnswer.status": Word("Whether it answers.", "ready"),
    "HealthAnswer.status": Word("Whether the app can do its work.", "ready"),
    "suppressed": Word("Outbound messages that were not sent, since their recipients had opted out.", 1),
    "tag": Word("Up to 128 characters of your own, for analytics.", "orders"),
    "target": Word("The field, parameter or header that it is about.", "text"),
    "text": Word("1 to 2,048 characters, counted in UTF-16 units: most emoji count as two.", "Your order is ready"),
    "CampaignRequest.text": Word(
        "1 to 2,048 characters; `{{name}}` stands for a value.", "Hi {{name}}, it begins today."
    ),
    "CampaignOptions.text": Word(
        "1 to 2,048 characters; `{{name}}` stands for a value.", "Hi {{name}}, it begins today."
    ),
    "texts": Word("How many texts.", 100),
    "to": Word("A phone number.", _NUMBER),
    "SendRequest.to": Word("One phone number in international form, or 1 to 100.", [_NUMBER]),
    "AnalyticsQuery.to": Word("The end of the range, with a zone; itself not in it.", "2026-11-23T00:00:00Z"),
    "AnalyticsAnswer.to": Word("The end of the range.", "2026-11-23T00:00:00.000Z"),
    "total": Word("Of all texts.", 130),
    "totals": Word("All buckets together."),
    "unknown": Word("Outbound messages of which nobody knows what became.", 0),
    "unchanged": Word("Opt-outs of the file that were in force already.", 0),
    "unpricedSegments": Word("Segments to countries without a price, which are not in the amount.", 0),
    "value": Word("The results."),
    "vars": Word("The values of the text's placeholders.", {"name": "Ann"}),
}

EXAMPLE_IDS: Mapping[str, str] = {
    "campaigns": _CAMPAIGN,
    "conversations": _CONVERSATION,
    "failures": _FAILURE,
    "messages": _MESSAGE,
}

TAGS: Mapping[str, str] = {
    "messages": "Send a text, see what became of it, cancel it.",
    "campaigns": "Send one text to many.",
    "opt-outs": "Who wants no texts, and since when.",
    "conversations": "All that went between one sender and one person.",
    "quick-replies": "What your team writes often.",
    "auto-replies": "Answers that the app gives by itself.",
    "analytics": "Counts and rates.",
    "failures": "Work that could not be done after all tries.",
    "health": "Whether the app can do its work.",
    "openapi.json": "This description.",
}


def word(model: str, name: str) -> Word | None:
    """Return what a field of a model means, None for one that nobody has described."""
    return FIELDS.get(f"{model}.{name}") or FIELDS.get(name)
