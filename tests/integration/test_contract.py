"""The API held to its OpenAPI document, in short; at length: tests/contract_api."""

from __future__ import annotations

from pathlib import Path

from tests.contract_api.contract import run_schemathesis
from tests.support.stack import RunningStack


def test_answers_are_as_the_document_says(stack: RunningStack, tmp_path: Path) -> None:
    outcome = run_schemathesis(stack, tmp_path, seed=1, cases=3, phases="examples,fuzzing")

    print(f"seed 1, {len(outcome.answers)} cases, {outcome.statuses}")
    assert outcome.exit_code == 0, outcome.printed
    assert (list(outcome.server_errors), list(outcome.undocumented)) == ([], [])
