"""Who may call what: by function key, which the Functions host checks, or by sign-in, which this module checks.

Without sign-in every endpoint but those for anyone is at auth level `function`: whoever gets here had a key. With it
the level is `anonymous`, since the host would ask a signed-in person for a key too. App Service authentication, which
stands before the app, then checks the token and says in a header who it is; whoever it says nothing of is refused here.
Where App Service authentication is off, anyone can write that header: `Settings` does not start the app then, and
without sign-in a request that has it is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from enum import StrEnum

from pydantic import BaseModel, ValidationError

from shared.rules.errors import Forbidden, Unauthorized
from shared.rules.ids import digest


class Role(StrEnum):
    """An app role of the sign-in (docs/api.md); its value is the one that a token carries."""

    ANYONE = ""
    SEND = "Sms.Send"
    READ = "Sms.Read"
    ADMIN = "Sms.Admin"


_PRINCIPAL = "x-ms-client-principal"
_KEY_HEADER, _KEY_PARAMETER = "x-functions-key", "code"
# The claims of a Microsoft Entra token, by the names that App Service authentication gives them:
# learn.microsoft.com/azure/app-service/configure-authentication-user-identities.
_ENTRA = "aad"
_ROLE_CLAIMS = frozenset({"roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"})
_ID_CLAIMS = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")


class _Claim(BaseModel):
    typ: str
    val: str


class _Principal(BaseModel):
    """What App Service authentication tells of who signed in."""

    auth_typ: str
    claims: list[_Claim]

    @property
    def id(self) -> str:
        """Return the object id of the person or the app; empty if there is none."""
        return next((one.val for name in _ID_CLAIMS for one in self.claims if one.typ == name), "")

    @property
    def roles(self) -> frozenset[str]:
        """Return the app roles."""
        return frozenset(one.val for one in self.claims if one.typ in _ROLE_CLAIMS)


def admit(role: Role, headers: Mapping[str, str], params: Mapping[str, str], *, sign_in: bool) -> str:
    """Let in who may call an endpoint of this role; return an id of the caller, which tells neither key nor person.

    Args:
        role: what the endpoint asks for.
        headers: of the request, by names in any case.
        params: the query, where a key may be.
        sign_in: whether people and apps sign in, instead of bringing function keys.

    Raises:
        Unauthorized: nobody has signed in; or, without sign-in, the request claims that somebody has.
        Forbidden: who has signed in lacks the role.
    """
    if role is Role.ANYONE:
        return ""
    named = {name.lower(): value for name, value in headers.items()}
    return _signed_in(role, named.get(_PRINCIPAL, "")) if sign_in else _with_key(named, params)


def _with_key(headers: Mapping[str, str], params: Mapping[str, str]) -> str:
    if any(name.startswith(_PRINCIPAL) for name in headers):
        raise Unauthorized(
            "This app takes function keys and no sign-in: leave out X-MS-CLIENT-PRINCIPAL, or let SMS_SIGN_IN be on."
        )
    in_query = next((value for name, value in params.items() if name.lower() == _KEY_PARAMETER), "")
    # The host compares the first value alone; what follows a comma would give one caller many names.
    return digest("caller", headers.get(_KEY_HEADER, in_query).partition(",")[0].strip())


def _signed_in(role: Role, header: str) -> str:
    principal = _read(header)
    if principal is None:
        raise Unauthorized("Sign in with Microsoft Entra, or send the token of an app as Authorization: Bearer.")
    if not principal.roles & {role, Role.ADMIN}:
        raise Forbidden(f"This needs the app role {role}. Ask who manages this app in Microsoft Entra for it.")
    return digest("principal", principal.id)


def _read(header: str) -> _Principal | None:
    """Return the principal; None for none, one without an id, and one that another provider than Entra signed in."""
    try:
        principal = _Principal.model_validate_json(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError, ValidationError):
        return None
    return principal if principal.auth_typ == _ENTRA and principal.id else None
