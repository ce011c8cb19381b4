"""The limits of Azure Queue storage, checked before a message leaves; the fake and the real queue share them.

Source: Azure Storage REST reference, "Naming queues and metadata" and "Put Message".
"""

from __future__ import annotations

import re

MAX_NAME = 63
MAX_DELAY_S = 7 * 24 * 60 * 60
# 64 KiB on the wire, where base64 makes four bytes of three.
MAX_BODY_BYTES = 64 * 1024 // 4 * 3

_NAME = re.compile(r"(?=.{3,63}\Z)[a-z0-9]+(?:-[a-z0-9]+)*")


def check_queue_name(name: str) -> None:
    """Raise ValueError unless `name` is 3 to 63 of a-z, 0-9 and single dashes, with no dash at an end."""
    if not _NAME.fullmatch(name):
        raise ValueError("a queue name is 3 to 63 lower-case letters, digits and single dashes between them")


def check_message(body: str, delay_s: int) -> None:
    """Raise ValueError unless the body is 1 byte to 48 KiB of UTF-8, and the delay 0 to 7 days."""
    if not 1 <= len(body.encode()) <= MAX_BODY_BYTES:
        raise ValueError("a queue message has 1 byte to 48 KiB of UTF-8, which is 64 KiB in base64")
    if not 0 <= delay_s <= MAX_DELAY_S:
        raise ValueError("a queue message can wait for 0 to 7 days")
