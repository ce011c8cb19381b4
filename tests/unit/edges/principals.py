"""The header in which App Service authentication tells who has signed in."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

HEADER = "X-MS-CLIENT-PRINCIPAL"
_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def principal(*roles: str, oid: str = "c0ffee00-0000-0000-0000-000000000001", provider: str = "aad") -> dict[str, str]:
    """Return the header of a person or an app with these roles."""
    return written([(_ID, oid), *(("roles", role) for role in roles)], provider)


def written(claims: Sequence[tuple[str, object]], provider: str = "aad") -> dict[str, str]:
    """Return the header with these claims."""
    told = {
        "auth_typ": provider,
        "claims": [{"typ": typ, "val": val} for typ, val in claims],
        "name_typ": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
        "role_typ": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
    }
    return {HEADER: base64.b64encode(json.dumps(told).encode()).decode()}
