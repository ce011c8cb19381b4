"""Every endpoint is reached by its own address, though the host does not prefer literals to parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from devtools.paths import ROOT
from docs import reference

_ASK = """
import json, sys, function_app
from local.host.indexing import index
from local.host.router import Router, make_route
functions = [one for one in index(function_app.app) if one.trigger.type == "httpTrigger"]
router = Router([make_route(one, "api") for one in functions])
found = {}
for name, method, route in [(one.name, one.method, one.route) for one in function_app.http.endpoints]:
    match = router.match(method, "/api/" + route.replace("{id}", sys.argv[1]))
    found[name] = match and match.function.name
print(json.dumps(found))
"""


def _reached(public_id: str) -> dict[str, str | None]:
    """Return the function that answers each endpoint's address, with this id where the route has one."""
    environment = {**os.environ, **reference.LEAST}
    command = [sys.executable, "-c", _ASK, public_id]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    reached: dict[str, str | None] = json.loads(done.stdout)
    return reached


def test_every_endpoint_is_reached_by_its_address() -> None:
    reached = _reached("17274256a2f193e54a18679c0d3d5b8a")
    assert {"forecast_campaign", "get_campaign", "resend_failures", "cancel_message"} <= set(reached)
    assert reached == {name: name for name in reached}
