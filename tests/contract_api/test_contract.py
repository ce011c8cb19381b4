"""Every operation with what the document lets it take and with what it does not, in all phases and with all checks."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.contract_api.contract import run_schemathesis
from tests.support.stack import RunningStack

_CASES = int(os.environ.get("CONTRACT_CASES", "60"))


@pytest.mark.timeout(3600)
def test_every_answer_is_as_the_document_says(
    stack: RunningStack, tmp_path: Path, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, begun = int(pytestconfig.getoption("randomly_seed")), time.monotonic()

    outcome = run_schemathesis(stack, tmp_path, seed=seed, cases=_CASES, phases="examples,coverage,fuzzing,stateful")

    with capsys.disabled():
        print(f"\nseed {seed}, {len(outcome.answers)} cases in {time.monotonic() - begun:.0f} s")
        print(f"statuses: {', '.join(f'{status}: {count}' for status, count in outcome.statuses.items())}")
        print(f"5xx: {len(outcome.server_errors)}, undocumented statuses: {len(outcome.undocumented)}")
        print(outcome.printed[outcome.printed.find("= SUMMARY") :])
    assert outcome.exit_code == 0, outcome.printed
    assert outcome.server_errors == []
    assert outcome.undocumented == []
    assert outcome.never_successful == set()
    assert len(outcome.answers) >= 2000
