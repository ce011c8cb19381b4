"""The carrier as a process: one line, a clean stop, one sentence when the port is taken."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).resolve().parents[3]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start the carrier's process."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local.carrier",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def first_line(process: asyncio.subprocess.Process) -> str:
    """Return what the process prints first."""
    assert process.stdout is not None
    async with asyncio.timeout(20):
        return (await process.stdout.readline()).decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_and_stops_cleanly_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    process = await start("--port", "0", "--functions-url", "http://127.0.0.1:9", "--state", str(tmp_path))
    try:
        found = re.search(r"http://127\.0\.0\.1:\d+", await first_line(process))
        assert found is not None
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{found[0]}/_carrier/stream") as stream,
            asyncio.timeout(20),
        ):
            await stream.content.readline()
            process.send_signal(number)
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert (process.returncode, output, errors) == (0, b"", b"")


async def test_a_taken_port_is_one_sentence_that_names_the_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await start("--port", str(taken.getsockname()[1]))
        async with asyncio.timeout(20):
            output, errors = await process.communicate()
    assert process.returncode == 1
    assert b"--port" in output
    assert (output.count(b"\n"), errors) == (1, b"")
