"""`python -m local.host`: serve the functions of an app."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from local.host import settings as app_settings
from local.host.checks import Loaded, load_functions
from local.host.errors import StartError
from local.host.host_json import HostJson, read_host_json
from local.host.indexing import Function, import_app
from local.host.keys import EVENT_GRID_KEY, Keys, random_keys, read_keys
from local.host.logs import LogLevels, start_logging
from local.host.router import make_route
from local.host.server import Address, Frontend, Server, assemble
from local.host.settings import Settings

_RANDOM = Path()
_DEFAULT_PORT = 7071


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m local.host", description="Serve a Functions app on this machine.")
    parser.add_argument("--port", type=int, help="where to listen (default: Host.LocalHttpPort, or 7071)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--app", type=Path, default=Path(), metavar="DIR", help="the app's folder (default: here)")
    parser.add_argument(
        "--auth", type=Path, nargs="?", const=_RANDOM, metavar="FILE", help="check keys: those of FILE, or new ones"
    )
    parser.add_argument("--max-polling-ms", type=int, metavar="N", help="look into queues at least so often")
    parser.add_argument("--grace", type=float, default=10, metavar="S", help="seconds that calls may take to end")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the host until SIGINT or SIGTERM and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_serve(options))
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
        return 1


async def _serve(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    app_dir = options.app.resolve()
    local = app_settings.read_local_settings(app_dir)
    address = Address(options.host, _port(options.port, local.port))
    settings = app_settings.apply(local, os.environ, f"{address.host}:{address.port}")
    host_json = _host_json(app_dir, options.max_polling_ms)
    start_logging(LogLevels.from_host_json(host_json.log_levels))
    keys = None if options.auth is None else _keys(options.auth)
    functions = _import(app_dir)
    if functions is None:
        return 1
    loaded = load_functions(functions, host_json, settings)
    parts = assemble(loaded, host_json, settings, app_dir)
    _print_errors(loaded)
    if not loaded.functions:
        raise StartError("No functions were loaded.")
    server = Server(Frontend(loaded, parts, host_json, settings, keys), parts, address, options.grace)
    address = await server.start()
    _print_functions(loaded, host_json, settings, address)
    print(f"Host is ready on {address.url}", flush=True)
    await stop.wait()
    print("Host is stopping.", flush=True)
    await server.stop()
    return 0


def _port(asked: int | None, in_settings: int | None) -> int:
    return next((port for port in (asked, in_settings) if port is not None), _DEFAULT_PORT)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, on_signal)
        except NotImplementedError:  # Windows has no signal handlers on its event loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_signal))


def _host_json(app_dir: Path, max_polling_ms: int | None) -> HostJson:
    host_json = read_host_json(app_dir)
    if max_polling_ms is None:
        return host_json
    queues = replace(host_json.queues, max_polling_interval=timedelta(milliseconds=max_polling_ms))
    return replace(host_json, queues=queues)


def _keys(path: Path) -> Keys:
    if path != _RANDOM:
        return read_keys(path.resolve())
    keys = random_keys()
    print(f"Master key:     {keys.master}")
    print(f"Host key:       {keys.host['default']}")
    print(f"Event Grid key: {keys.system[EVENT_GRID_KEY]}", flush=True)
    return keys


def _import(app_dir: Path) -> list[Function] | None:
    """Import the app; if that raises, say why and return None. A wrong setting of the app's is one sentence."""
    try:
        return import_app(app_dir)
    except StartError:
        raise
    except Exception as error:  # noqa: BLE001 - the app's own code may raise anything
        if type(error).__name__ == "SettingsError" or hasattr(error, "setting"):
            print(error, file=sys.stderr, flush=True)
        else:
            traceback.print_exc()
            print(f"The app cannot be imported: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return None


def _print_errors(loaded: Loaded) -> None:
    for name, sentence in loaded.errors.items():
        print(f"The '{name}' function is in error: {sentence}", file=sys.stderr, flush=True)


def _print_functions(loaded: Loaded, host_json: HostJson, settings: Settings, address: Address) -> None:
    print("\nFunctions:\n")
    for function in loaded.functions:
        state = " (disabled)" if settings.disabled(function.name) else ""
        print(f"\t{function.name}: {_where(function, host_json, address)}{state}\n")
    sys.stdout.flush()


def _where(function: Function, host_json: HostJson, address: Address) -> str:
    if function.trigger.type != "httpTrigger":
        return function.trigger.type
    route = make_route(function, host_json.http.route_prefix)
    methods = f"[{','.join(sorted(route.methods))}] " if route.methods else ""
    return f"{methods}{address.url}/{route.template.text}"


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Azure's host kills the worker: what an app leaves to atexit or to a thread's end does not run there either.
    os._exit(code)
