"""Signatures: by the scheme of Standard Webhooks, with one or several secrets."""

from __future__ import annotations

import base64

import pytest

from shared.rules.signatures import parse_secrets, signature_headers

# From the documentation of Standard Webhooks' libraries; their Python library signs the same.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT_S, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def test_the_known_example_has_its_signature() -> None:
    assert signature_headers(parse_secrets(SECRET), ID, AT_S, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_each_secret_signs() -> None:
    both = signature_headers(parse_secrets(f"{OTHER} {SECRET}"), ID, AT_S, BODY)["webhook-signature"]
    [other, known] = both.split(" ")
    assert known == SIGNATURE
    assert other == signature_headers(parse_secrets(OTHER), ID, AT_S, BODY)["webhook-signature"]


@pytest.mark.parametrize(
    ("identity", "at_s", "body"), [("other", AT_S, BODY), (ID, AT_S + 1, BODY), (ID, AT_S, BODY + b" ")]
)
def test_whatever_changes_changes_the_signature(identity: str, at_s: int, body: bytes) -> None:
    assert signature_headers(parse_secrets(SECRET), identity, at_s, body)["webhook-signature"] != SIGNATURE


def test_no_secrets_are_none() -> None:
    assert parse_secrets("  ") == ()


@pytest.mark.parametrize(
    "written",
    [
        "canary",
        "whsec_canary!",
        "whsec_",
        "whsec_Y2FuYXJ5",
        "whsec_" + "Y2Fu" * 30,
        f"{SECRET} canary",
        f"{SECRET},{OTHER}",
    ],
)
def test_what_is_no_secret_is_refused_without_telling_it(written: str) -> None:
    with pytest.raises(ValueError, match="each secret must be") as refused:
        parse_secrets(written)
    assert "canary" not in str(refused.value)
    assert "Y2Fu" not in str(refused.value)
