"""What one fresh interpreter of the start-up benchmark does. It imports little, so as to warm nothing up.

Usage: `python -m bench._start_up_child app`, or `… packages NAME …`. Prints one line: seconds of the import, seconds
of the first request (0 for packages), and the SDK packages that were loaded in the end.
"""

from __future__ import annotations

import importlib
import sys
from time import perf_counter

SDK_PACKAGES = [
    "aiohttp",
    "azure.communication.sms.aio",
    "azure.data.tables.aio",
    "azure.eventgrid.aio",
    "azure.functions",
    "azure.identity.aio",
    "phonenumbers",
    "pydantic",
]


def time_app() -> tuple[float, float]:
    """Import the app and answer one request that needs no network: seconds for each."""
    begun = perf_counter()
    app = importlib.import_module("function_app").app
    imported = perf_counter()
    _answer_one_request(app)
    return imported - begun, perf_counter() - imported


def _answer_one_request(app: object) -> None:
    """Ask about a number that is none: all clients are made, but storage and carrier are not needed."""
    import asyncio  # noqa: PLC0415 - counted, if the app has not imported it

    import azure.functions as func  # noqa: PLC0415 - as above

    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}  # type: ignore[attr-defined]  # a FunctionApp
    request = func.HttpRequest(
        method="POST",
        url="http://localhost/api/opt-outs/check",
        headers={"content-type": "application/json"},
        body=b'{"recipients": ["no number"]}',
    )
    answer = asyncio.run(functions["check_opt_outs"](request))
    if answer.status_code != 200:
        raise SystemExit(f"unexpected answer: {answer.status_code} {answer.get_body().decode()}")


def time_packages(names: list[str]) -> float:
    """Import packages one after the other: seconds for all."""
    begun = perf_counter()
    for name in names:
        importlib.import_module(name)
    return perf_counter() - begun


if __name__ == "__main__":
    what, *packages = sys.argv[1:]
    seconds = time_app() if what == "app" else (time_packages(packages), 0.0)
    print(*seconds, *(name for name in SDK_PACKAGES if name in sys.modules))
