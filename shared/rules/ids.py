"""The keys of messages: fixed when a message is accepted, found again from what a delivery report says.

A conversation is one partition: a hash of our sender and their number. Rows start with the inverted time, so that
the newest comes first. Outbound rows end in a UUID made from the request's idempotency key and the recipient, which
is also the `repeatabilityRequestId` on the wire. ACS takes one tag per request, not per recipient; so the tag names
the request, and tag, sender and recipient together give the full key of each message. No key holds a phone number.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid5

_NAMESPACE = UUID("6f1c5c7e-3f0e-5b0a-9d53-0b7f5a1f3f5d")
_LATEST_MS = 10**14 - 1
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = re.compile(r"([0-9a-f]{32})\.(\d{14}-[A-Za-z0-9_-]{1,100})")
_TAG = re.compile(rf"(\d{{14}})-({_UUID})(-b)?")
_SAFE_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def to_ms(at: datetime) -> int:
    """Return an aware time as whole milliseconds since 1970, UTC."""
    return int(at.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    """Return the time of `to_ms`, in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def newest_first(ms: int) -> str:
    """Return a time as 14 digits that sort the newest first."""
    return f"{_LATEST_MS - ms:014d}"


def ms_of(newest_first_digits: str) -> int:
    """Return the time that `newest_first` wrote, or that a row key begins with."""
    return _LATEST_MS - int(newest_first_digits[:14])


def hour_of(ms: int) -> int:
    """Return the beginning of the hour that holds this time."""
    return ms - ms % HOUR_MS


def hour_partition(ms: int) -> str:
    """Return the partition of the hour that holds this time; later hours sort first."""
    return newest_first(hour_of(ms))


def digest(*parts: str) -> str:
    """Return 32 hex digits that stand for the parts and hide them."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def conversation_id(sender: str, recipient: str) -> str:
    """Return the id of the conversation between a sender of ours and a number, both E.164 or as configured."""
    return digest("conversation", sender, recipient)


def recipient_key(recipient: str) -> str:
    """Return what stands for a number in storage keys."""
    return digest("recipient", recipient)


def send_id(idempotency_key: str) -> UUID:
    """Return the id of the request that has this idempotency key."""
    return uuid5(_NAMESPACE, idempotency_key)


def block_id(campaign_id: str, block: int) -> UUID:
    """Return the id of a block of a campaign."""
    return uuid5(_NAMESPACE, f"campaign:{campaign_id}:{block}")


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Where a message is stored; its public id is both keys."""

    partition: str
    row: str

    @property
    def id(self) -> str:
        """Return the public id: opaque, without a phone number."""
        return f"{self.partition}.{self.row}"

    @property
    def at_ms(self) -> int:
        """Return when the message was accepted or received."""
        return ms_of(self.row)

    @classmethod
    def parse(cls, public_id: str) -> MessageKey | None:
        """Return the key of a public id, None if it is not one."""
        match = _ID.fullmatch(public_id)
        return cls(match[1], match[2]) if match else None

    @classmethod
    def outbound(cls, send: Send, sender: str, recipient: str) -> MessageKey:
        """Return the key of the message of this request to this recipient."""
        partition = send.block_partition if send.block else conversation_id(sender, recipient)
        return cls(partition, f"{newest_first(send.accepted_ms)}-{send.repeatability_id(recipient)}")

    @classmethod
    def inbound(cls, sender: str, recipient: str, received_ms: int, carrier_message_id: str) -> MessageKey:
        """Return the key of a text that came in: the same event gives the same key."""
        known = carrier_message_id
        suffix = known if _SAFE_MESSAGE_ID.fullmatch(known) else digest("inbound", known)
        return cls(conversation_id(sender, recipient), f"{newest_first(received_ms)}-{suffix}")


@dataclass(frozen=True, slots=True)
class Send:
    """One accepted request: its id and when it was accepted.

    A campaign is cut into blocks (`block`), whose messages share a partition, so that a hundred of them can be
    written at once; all other messages are in the partition of their conversation.
    """

    id: UUID
    accepted_ms: int
    block: bool = False

    @property
    def tag(self) -> str:
        """Return the tag that goes to ACS and comes back in delivery reports."""
        return f"{newest_first(self.accepted_ms)}-{self.id}{'-b' if self.block else ''}"

    @property
    def block_partition(self) -> str:
        """Return the partition of the messages of a block."""
        return digest("block", str(self.id))

    def repeatability_id(self, recipient: str) -> str:
        """Return the id under which ACS knows a repeat of this request to this recipient."""
        return str(uuid5(self.id, recipient))

    @classmethod
    def from_tag(cls, tag: str) -> Send | None:
        """Return the request that a tag names, None if the tag is not of ours."""
        match = _TAG.fullmatch(tag)
        return cls(UUID(match[2]), ms_of(match[1]), match[3] is not None) if match else None
