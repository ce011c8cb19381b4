"""Who is let in, by key and by sign-in, and by what name they are known."""

from __future__ import annotations

import base64
import json

import pytest

from devtools.paths import ROOT
from shared.edges.access import Role, admit
from shared.rules.errors import Forbidden, Unauthorized

from .principals import HEADER, principal, written

KEY = "aVeryLongFunctionKeyThatIsOnlyThere=="
OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"


def by_key(headers: dict[str, str] | None = None, **params: str) -> str:
    """Call an endpoint that asks for a role, without sign-in."""
    return admit(Role.SEND, headers or {}, params, sign_in=False)


def signed_in(headers: dict[str, str], role: Role = Role.SEND) -> str:
    """Call an endpoint that asks for a role, with sign-in."""
    return admit(role, headers, {}, sign_in=True)


def test_a_caller_is_known_by_a_name_that_does_not_tell_the_key() -> None:
    name = by_key({"x-functions-key": KEY})
    assert name
    assert KEY not in name
    assert name != by_key({"x-functions-key": f"{KEY}2"})


def test_the_same_key_is_the_same_caller_wherever_it_is_written() -> None:
    assert len({by_key({"X-Functions-Key": KEY}), by_key({"x-functions-key": f" {KEY}"}), by_key(CODE=KEY)}) == 1


def test_the_header_counts_before_the_query_as_it_does_for_the_host() -> None:
    assert by_key({"x-functions-key": KEY}, code="another") == by_key({"x-functions-key": KEY})


def test_a_second_value_does_not_make_another_caller() -> None:
    assert by_key({"x-functions-key": f"{KEY},another"}) == by_key({"x-functions-key": KEY})
    assert by_key(code=f"{KEY},another") == by_key(code=KEY)


@pytest.mark.parametrize("name", [HEADER, HEADER.lower(), f"{HEADER}-ID", f"{HEADER}-NAME", f"{HEADER}-IDP"])
def test_without_sign_in_a_request_that_says_who_it_is_is_refused_whatever_its_key(name: str) -> None:
    forged = {name: principal(Role.ADMIN)[HEADER], "x-functions-key": KEY}
    with pytest.raises(Unauthorized):
        by_key(forged)


@pytest.mark.parametrize("role", [Role.SEND, Role.READ, Role.ADMIN])
@pytest.mark.parametrize("own", [Role.SEND, Role.READ, Role.ADMIN, "Sms.send", "Sms.Owner", ""])
def test_a_role_opens_its_endpoints_and_admin_opens_all(role: Role, own: str) -> None:
    if own in (role, Role.ADMIN):
        assert signed_in(principal(own), role)
        return
    with pytest.raises(Forbidden, match=f"app role {role}"):
        signed_in(principal(own), role)


def test_one_of_several_roles_is_enough() -> None:
    assert signed_in(principal("Other", Role.READ, Role.SEND))


@pytest.mark.parametrize("claim", ["roles", ROLE])
@pytest.mark.parametrize("id_claim", [OID, "oid"])
def test_claims_are_read_by_the_names_of_a_token_and_of_the_platform(claim: str, id_claim: str) -> None:
    assert signed_in(written([(id_claim, "someone"), (claim, Role.SEND)])) == signed_in(
        principal(Role.SEND, oid="someone")
    )


def test_people_are_told_apart_by_their_object_id() -> None:
    ann, bob = (signed_in(principal(Role.SEND, oid=name)) for name in ("ann", "bob"))
    assert ann != bob
    assert ann == signed_in(principal(Role.SEND, Role.READ, oid="ann"))


def test_a_key_opens_nothing_where_people_sign_in() -> None:
    with pytest.raises(Unauthorized):
        signed_in({"x-functions-key": KEY})


@pytest.mark.parametrize(
    "header",
    [
        "",
        "not base64!",
        base64.b64encode(b"not json").decode(),
        base64.b64encode(b"\xff").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"auth_typ": "aad"}').decode(),
        base64.b64encode(b'{"auth_typ": "aad", "claims": 1}').decode(),
        base64.b64encode(b'{"auth_typ": "aad", "claims": [{"typ": "oid"}]}').decode(),
        base64.b64encode(b"[" * 100_000).decode(),
        f"{principal(Role.ADMIN)[HEADER]},{principal(Role.ADMIN)[HEADER]}",
        written([(OID, 5), ("roles", Role.ADMIN)])[HEADER],
        written([("roles", Role.ADMIN)])[HEADER],
        written([(OID, ""), ("roles", Role.ADMIN)])[HEADER],
        principal(Role.ADMIN, provider="google")[HEADER],
        principal(Role.ADMIN, provider="")[HEADER],
    ],
)
def test_what_does_not_say_that_entra_signed_somebody_in_is_refused(header: str) -> None:
    with pytest.raises(Unauthorized):
        signed_in({HEADER: header})


@pytest.mark.parametrize("sign_in", [False, True])
def test_anyone_may_call_what_is_for_anyone(sign_in: bool) -> None:
    assert admit(Role.ANYONE, {HEADER: "forged"}, {}, sign_in=sign_in) == ""


def test_the_roles_that_are_registered_in_entra_are_those_that_are_asked_for() -> None:
    registered = json.loads((ROOT / "docs" / "app-roles.json").read_text("utf-8"))
    assert {one["value"] for one in registered} == {role.value for role in Role} - {""}
    assert len({one["id"] for one in registered}) == len(registered)
    assert all(one["isEnabled"] and set(one["allowedMemberTypes"]) == {"User", "Application"} for one in registered)
