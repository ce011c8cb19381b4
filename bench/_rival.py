"""What people do without this project, in a process of its own: `python -m bench._rival SIZE COUNT ENDPOINT KEY`.

With SIZE 1 it is the way of Microsoft's quickstart: one `SmsClient.send` per recipient, one after the other. With
100 it is the loop that people write next: a hundred recipients in each call. Nothing is stored, nothing is looked
up, nothing is paced. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import psutil
from azure.communication.sms import SmsClient
from azure.core.credentials import AzureKeyCredential

from bench._people import numbers

_SENDER = "12345"
_TEXT = "The library closes at six today."


def main() -> None:
    """Send, and print seconds, seconds of CPU, and the memory at the end."""
    size, count = int(sys.argv[1]), int(sys.argv[2])
    recipients = numbers(count)
    # Not from a connection string: then the client would insist on https, which the local carrier has not.
    client: Any = SmsClient(sys.argv[3], AzureKeyCredential(sys.argv[4]))
    begun, cpu = time.perf_counter(), time.process_time()
    taken = 0
    for start in range(0, count, size):
        results = client.send(_SENDER, recipients[start : start + size], _TEXT, enable_delivery_report=True)
        taken += sum(bool(result.successful) for result in results)
    spent = {"seconds": time.perf_counter() - begun, "cpu_s": time.process_time() - cpu}
    print(json.dumps({**spent, "taken": taken, "peak_bytes": psutil.Process().memory_info().rss}))


if __name__ == "__main__":
    main()
