"""`python -m local.carrier`: run the carrier until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web

from local.carrier.app import build
from local.carrier.carrier import Config
from local.carrier.senders import DEFAULT_SENDERS, Sender, parse_sender

STOP_WITHIN_S = 2.0


def main() -> int:
    """Read the command line, serve, and return the exit code."""
    arguments = _parser().parse_args()
    config = Config(
        arguments.functions_url, arguments.functions_key, arguments.state, tuple(arguments.sender or DEFAULT_SENDERS)
    )
    try:
        asyncio.run(_serve(config, arguments.host, arguments.port))
    except OSError as error:
        reason = error.strerror or "unknown error"
        print(f"The carrier cannot listen on {arguments.host}:{arguments.port} ({reason}). --port moves it.")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local.carrier",
        description="A local stand-in for Azure Communication Services SMS, with handsets in the browser.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=7072, help="port to listen on (%(default)s); 0 takes a free one")
    parser.add_argument("--functions-url", help="base address of the functions host; without it events go nowhere")
    parser.add_argument("--functions-key", help="system key of the functions' Event Grid webhook, when it asks for one")
    parser.add_argument("--state", type=Path, metavar="DIR", help="folder for dead letters, written as files")
    parser.add_argument(
        "--sender",
        action="append",
        type=_sender,
        metavar="VALUE:TYPE[:OPT-OUTS]",
        help="a sender to own instead of the defaults, repeatable: type tollFree, shortCode or alphanumeric; "
        "opt-outs handled by carrier, service or none",
    )
    return parser


def _sender(written: str) -> Sender:
    try:
        return parse_sender(written)
    except ValueError:
        raise argparse.ArgumentTypeError("write it like 67890:shortCode or 67890:shortCode:service") from None


async def _serve(config: Config, host: str, port: int) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    runner = web.AppRunner(build(config), access_log=None, shutdown_timeout=STOP_WITHIN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = f"http://{f'[{host}]' if ':' in host else host}:{runner.addresses[0][1]}"
        print(
            f"The carrier (a local stand-in for ACS) listens on {address}, its phones on {address}/phones", flush=True
        )
        await stop.wait()
    finally:
        await runner.cleanup()


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not loop.add_signal_handler: Windows has none.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


if __name__ == "__main__":
    sys.exit(main())
