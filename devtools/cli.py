"""The command line of `dev.py`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from devtools import checks, stack
from devtools.assets import copy_assets
from devtools.azurite import StoragePorts
from devtools.package import PACKAGE, package
from devtools.terminal import Interrupted, Problem, StopRequest

_LAST_PORT = 65535


def main(arguments: Sequence[str]) -> int:
    """Carry out one command and give the exit code: 0 done, 1 failed, 2 wrong usage."""
    stop = StopRequest()
    # What follows `test` is pytest's, options included; argparse would take it apart.
    ours = arguments[:1] if arguments[:1] == ["test"] and not {"-h", "--help"} & {*arguments} else arguments
    options = _parser().parse_args(ours)
    stop.listen()
    try:
        return _carry_out(options, arguments[len(ours) :], stop)
    except Interrupted:
        return 0 if options.command == "run" else 130
    except BrokenPipeError:
        # Python would complain once more at its end, when it empties the buffer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Problem as problem:
        print(problem, file=sys.stderr, flush=True)
        return 1


def _carry_out(options: argparse.Namespace, rest: Sequence[str], stop: StopRequest) -> int:
    match options.command:
        case "test":
            return checks.test(rest, stop)
        case "check":
            return checks.check(stop)
        case "bench":
            return checks.bench(options.name, options.options, stop)
        case "simulate":
            return checks.simulate(options.messages, options.seed, stop)
        case "package":
            return package(options.output)
        case "assets":
            return copy_assets()
        case "lock":
            return checks.lock(stop, upgrade=options.upgrade)
        case _:
            storage = StoragePorts(options.storage_port)
            stack.run(stack.Addresses(options.port, options.carrier_port, storage), stop, webhook=options.webhook)
            return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Runs and checks this project on one machine. Each command installs what it needs first, "
        "into .venv and local/azurite/node_modules.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the app with local storage and a local carrier until Ctrl-C")
    run.add_argument("--port", type=_port, default=7071, help="of the API (default: %(default)s)")
    run.add_argument("--carrier-port", type=_port, default=7072, help="of carrier and phone page (%(default)s)")
    run.add_argument(
        "--storage-port",
        type=_first_of_three_ports,
        default=10000,
        help="of blob storage; queue and table take the next two (%(default)s)",
    )
    run.add_argument("--webhook", action="store_true", help="also post what the app tells, signed, to the carrier")
    test = commands.add_parser("test", help="run all tests, or those named: `test unit`, `test -k stop`")
    test.add_argument("words", nargs="*", help="folders of tests/, paths, options of pytest")
    commands.add_parser("check", help="lint, formatting, types and the rings of imports")
    bench = commands.add_parser("bench", help="measure: `bench start-up`, `bench pace`, `bench campaign`, …")
    bench.add_argument("name", nargs="?", default="start-up", help="which one (default: %(default)s)")
    bench.add_argument("options", nargs=argparse.REMAINDER, help="options of that one, such as `--sizes 1000`")
    simulate = commands.add_parser("simulate", help="run the services in virtual time, with crashes and faults")
    simulate.add_argument("--messages", type=int, default=1_000_000, help="in all (default: %(default)s)")
    simulate.add_argument("--seed", type=int, default=1, help="of the first world (default: %(default)s)")
    packing = commands.add_parser("package", help="write what is deployed into one zip file")
    packing.add_argument("--output", type=Path, default=PACKAGE, help="the file (default: %(default)s)")
    commands.add_parser("assets", help="copy in what the app's pages take from npm, at the locked versions")
    lock = commands.add_parser("lock", help="write the requirements*.txt anew from the requirements*.in")
    lock.add_argument("--upgrade", action="store_true", help="take the newest versions that the .in files allow")
    return parser


def _port(text: str, last: int = _LAST_PORT) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= last:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 1 to {last}")
    return int(text)


def _first_of_three_ports(text: str) -> int:
    return _port(text, _LAST_PORT - 2)
