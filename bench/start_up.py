"""How long a cold start takes: import of `function_app` and the first request, against its SDK packages alone.

Every figure is from a fresh interpreter. The two kinds of run alternate, so that a busy moment of the machine hits
both; medians are printed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_ROOT = Path(__file__).resolve().parent.parent
_ROUNDS = 9
# Nothing listens there, and nothing is asked: the request ends before storage and carrier are needed.
_NOWHERE = "http://127.0.0.1:9"
_KEY = "bm90IGEga2V5"


@dataclass(frozen=True, slots=True)
class Run:
    """One fresh interpreter: seconds of the import and of the first request, SDK packages loaded in the end."""

    import_seconds: float
    request_seconds: float
    packages: tuple[str, ...]


def main() -> None:
    """Measure and print."""
    packages = _run("app").packages
    _run("packages", *packages)
    apps, alone = [], []
    for _ in range(_ROUNDS):
        apps.append(_run("app"))
        alone.append(_run("packages", *packages))
    imported = median(run.import_seconds for run in apps)
    first = median(run.request_seconds for run in apps)
    sdk = median(run.import_seconds for run in alone)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {_ROUNDS} fresh interpreters each")
    print(f"SDK packages alone:  {', '.join(packages)}")
    print(f"  import them               {sdk * 1000:6.0f} ms")
    print(f"  import function_app       {imported * 1000:6.0f} ms   {imported / sdk:.2f} times the SDK packages alone")
    print(f"  first request after it    {first * 1000:6.0f} ms")
    print(f"  both                      {(imported + first) * 1000:6.0f} ms   ratio {(imported + first) / sdk:.2f}")


def _run(*arguments: str) -> Run:
    command = [sys.executable, "-m", "bench._start_up_child", *arguments]
    answer = subprocess.run(command, cwd=_ROOT, env=_environment(), capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"A run failed:\n{answer.stdout}{answer.stderr}")
    imported, first, *packages = answer.stdout.split()
    return Run(float(imported), float(first), tuple(packages))


def _environment() -> dict[str, str]:
    """Give the settings of the local stack, with addresses where nothing listens."""
    values = json.loads((_ROOT / "local.settings.json.example").read_text("utf-8"))["Values"]
    account = "DefaultEndpointsProtocol=http;AccountName=bench;AccountKey="
    return {
        **os.environ,
        **values,
        "AzureWebJobsStorage": f"{account}{_KEY};TableEndpoint={_NOWHERE}/bench;",
        "ACS_CONNECTION_STRING": f"endpoint={_NOWHERE}/;accesskey={_KEY}",
        "SMS_RELAY_TOPIC_ENDPOINT": f"{_NOWHERE}/topics/relay/api/events",
        "SMS_RELAY_TOPIC_KEY": _KEY,
    }


if __name__ == "__main__":
    main()
