"""What an HTTP-triggered function gets, and what becomes of what it gives back."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import azure.functions as func
import pytest
from multidict import CIMultiDict

from local.host.host_json import HostJson, HttpOptions
from tests.support.waiting import eventually

from .serving import Client, serving


def _echoing() -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("echo/{id?}")
    async def echo(req: func.HttpRequest) -> func.HttpResponse:
        seen = {
            "method": req.method,
            "url": req.url,
            "headers": dict(req.headers),
            "params": dict(req.params),
            "route": dict(req.route_params),
            "body": req.get_body().decode(),
        }
        return func.HttpResponse(json.dumps(seen), mimetype="application/json")

    return app


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(_echoing(), tmp_path) as client:
        yield client


def _answering(*answers: object) -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    left = list(answers)

    @app.route("answer")
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        value = left.pop(0)
        if isinstance(value, Exception):
            raise value
        return value  # type: ignore[return-value]  # wrong answers are what these tests are about

    return app


async def _chunks() -> AsyncIterator[bytes]:
    yield b"one "
    yield b"two"


async def test_method_url_and_body_arrive_as_sent(echo: Client) -> None:
    seen = json.loads((await echo.send("PUT", "/api/Echo/a%20b?x=%C3%A9", body="héllo")).body)
    assert (seen["method"], seen["body"]) == ("PUT", "héllo")
    assert seen["url"] == f"{echo.url}/api/Echo/a%20b?x=%C3%A9"
    assert seen["route"] == {"id": "a b"}


async def test_header_names_are_lower_case_and_repeated_values_are_joined(echo: Client) -> None:
    answer = await echo.send(
        "GET", "/api/echo", headers=CIMultiDict([("X-Tag", "a"), ("X-Tag", "b"), ("X-Other", "C")])
    )
    headers = json.loads(answer.body)["headers"]
    assert headers["x-tag"] == "a,b"
    assert headers["x-other"] == "C"
    assert all(name == name.lower() for name in headers)


async def test_repeated_query_keys_are_joined_in_any_case_and_empty_values_dropped(echo: Client) -> None:
    seen = json.loads((await echo.get("/api/echo?to=1&TO=2&empty=&to=&flag&space=a+b")).body)
    assert seen["params"] == {"to": "1,2", "space": "a b"}


async def test_a_chunked_body_arrives_empty_and_a_warning_says_so(
    echo: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        seen = json.loads((await echo.send("POST", "/api/echo", body=_chunks())).body)
    assert seen["body"] == ""
    assert "chunked" in caplog.text


async def test_a_compressed_body_is_left_as_it_is(echo: Client) -> None:
    answer = await echo.send("POST", "/api/echo", body=b"not gzip", headers={"Content-Encoding": "gzip"})
    assert json.loads(answer.body)["body"] == "not gzip"


async def test_an_unknown_path_is_an_empty_404(echo: Client) -> None:
    answer = await echo.get("/api/none")
    assert (answer.status, answer.body) == (404, b"")


async def test_a_body_over_100_mb_is_a_413(echo: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("local.host.server.BODY_LIMIT_BYTES", 1000)
    async with serving(_echoing(), tmp_path) as client:
        assert (await client.send("POST", "/api/echo", body=b"x" * 1000)).status == 200
        assert (await client.send("POST", "/api/echo", body=b"x" * 1001)).status == 413


async def test_a_response_comes_out_with_its_status_headers_and_body(tmp_path: Path) -> None:
    response = func.HttpResponse(b"\x00\xff", status_code=207, headers={"X-A": "b"}, mimetype="image/png")
    async with serving(_answering(response), tmp_path) as client:
        answer = await client.get("/api/answer")
    assert (answer.status, answer.body) == (207, b"\x00\xff")
    assert (answer.headers["X-A"], answer.headers["Content-Type"]) == ("b", "image/png")


async def test_a_length_that_contradicts_the_body_is_not_passed_on(tmp_path: Path) -> None:
    response = func.HttpResponse("four", headers={"Content-Length": "99", "Transfer-Encoding": "chunked"})
    async with serving(_answering(response), tmp_path) as client:
        assert (await client.get("/api/answer")).body == b"four"


async def test_an_exception_is_a_500_with_an_empty_body(tmp_path: Path) -> None:
    async with serving(_answering(ValueError("secret")), tmp_path) as client:
        answer = await client.get("/api/answer")
    assert (answer.status, answer.body) == (500, b"")


@pytest.mark.parametrize("wrong", [None, {"a": 1}, 5, func.HttpResponse(status_code=3)])
async def test_an_answer_that_is_no_response_is_an_empty_500(wrong: object, tmp_path: Path) -> None:
    async with serving(_answering(wrong), tmp_path) as client:
        answer = await client.get("/api/answer")
    assert (answer.status, answer.body) == (500, b"")


async def test_a_string_is_plain_text_unless_it_describes_a_response(tmp_path: Path) -> None:
    described = {"Body": {"a": 1}, "statusCode": "201", "headers": {"X-A": "b"}}
    answers = ["hello", '{"a": 1}', json.dumps(described), '{"body": "text", "status": 202}']
    async with serving(_answering(*answers), tmp_path) as client:
        plain, other_json, object_body, text_body = [await client.get("/api/answer") for _ in answers]
    assert (plain.status, plain.text, plain.headers["Content-Type"]) == (200, "hello", "text/plain; charset=utf-8")
    assert other_json.text == '{"a": 1}'
    assert (object_body.status, json.loads(object_body.body)) == (201, {"a": 1})
    assert (object_body.headers["X-A"], object_body.headers["Content-Type"][:16]) == ("b", "application/json")
    assert (text_body.status, text_body.text) == (202, "text")


async def test_cookies_are_written_anew(tmp_path: Path) -> None:
    cookie = "id=a/b; Path=/; Max-Age=5; Secure; HttpOnly; SameSite=Lax; Comment=gone"
    async with serving(_answering(func.HttpResponse(headers={"Set-Cookie": cookie})), tmp_path) as client:
        answer = await client.get("/api/answer")
    assert answer.cookies == ["id=a%2Fb; max-age=5; path=/; secure; samesite=lax; httponly"]


async def test_host_json_sets_prefix_and_headers_of_every_response(tmp_path: Path) -> None:
    http = HttpOptions(route_prefix="v1", custom_headers={"X-Content-Type-Options": "nosniff", "X-A": "host"})
    app = _answering(func.HttpResponse(headers={"X-A": "own"}), RuntimeError())
    async with serving(app, tmp_path, host_json=HostJson(http=http)) as client:
        answers = [await client.get("/v1/answer"), await client.get("/v1/answer"), await client.get("/api/answer")]
    assert [answer.status for answer in answers] == [200, 500, 404]
    assert [answer.headers["X-Content-Type-Options"] for answer in answers] == ["nosniff"] * 3
    assert [answer.headers["X-A"] for answer in answers] == ["own", "host", "host"]


def _waiting(gate: asyncio.Event) -> tuple[func.FunctionApp, list[int]]:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    inside = [0, 0]

    @app.route("wait")
    async def wait(req: func.HttpRequest) -> func.HttpResponse:
        inside[0] += 1
        inside[1] = max(inside)
        await gate.wait()
        inside[0] -= 1
        return func.HttpResponse()

    return app, inside


async def _until(inside: list[int], count: int) -> None:
    await eventually(lambda: inside[0] == count)


async def test_more_outstanding_requests_than_allowed_are_a_429(tmp_path: Path) -> None:
    gate = asyncio.Event()
    app, inside = _waiting(gate)
    host_json = HostJson(http=HttpOptions(max_outstanding_requests=2))
    async with serving(app, tmp_path, host_json=host_json) as client:
        first = [asyncio.create_task(client.get("/api/wait")) for _ in range(2)]
        await _until(inside, 2)
        assert (await client.get("/api/wait")).status == 429
        gate.set()
        assert [(await task).status for task in first] == [200, 200]
        assert (await client.get("/api/wait")).status == 200


async def test_no_more_than_max_concurrent_requests_run_at_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    app, inside = _waiting(gate)
    host_json = HostJson(http=HttpOptions(max_concurrent_requests=2))
    async with serving(app, tmp_path, host_json=host_json) as client:
        calls = [asyncio.create_task(client.get("/api/wait")) for _ in range(5)]
        await _until(inside, 2)
        gate.set()
        assert [(await task).status for task in calls] == [200] * 5
    assert inside[1] == 2


async def test_functions_that_are_not_async_run_in_threads_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_THREADPOOL_THREAD_COUNT", "3")
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    together = threading.Barrier(3, timeout=20)

    @app.route("meet")
    def meet(req: func.HttpRequest) -> func.HttpResponse:
        together.wait()
        return func.HttpResponse(str(threading.current_thread() is threading.main_thread()))

    async with serving(app, tmp_path) as client:
        answers = await asyncio.gather(*(client.get("/api/meet") for _ in range(3)))
    assert [answer.text for answer in answers] == ["False"] * 3


async def test_a_function_longer_than_function_timeout_fails(tmp_path: Path) -> None:
    app, _ = _waiting(asyncio.Event())
    host_json = HostJson(function_timeout=timedelta(milliseconds=50))
    async with serving(app, tmp_path, host_json=host_json) as client:
        assert (await client.get("/api/wait")).status == 500


async def test_a_timeout_error_of_the_function_itself_is_a_failure_like_any_other(tmp_path: Path) -> None:
    async with serving(_answering(TimeoutError()), tmp_path) as client:
        assert (await client.get("/api/answer")).status == 500


async def test_a_disabled_function_is_a_404(tmp_path: Path) -> None:
    async with serving(_echoing(), tmp_path, settings={"AzureWebJobs.echo.Disabled": "true"}) as client:
        assert (await client.get("/api/echo")).status == 404


async def test_the_context_says_which_invocation_and_trace_it_is(tmp_path: Path) -> None:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("context")
    async def tell(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        trace = context.trace_context
        seen = [context.function_name, context.invocation_id, trace.trace_parent, trace.trace_state]
        return func.HttpResponse(json.dumps([*seen, context.retry_context.retry_count]))

    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with serving(app, tmp_path) as client:
        headers = {"traceparent": parent, "tracestate": "a=b"}
        first = json.loads((await client.send("GET", "/api/context", headers=headers)).body)
        second = json.loads((await client.get("/api/context")).body)
    assert first[0] == "tell"
    assert first[1] != second[1]
    assert first[2].split("-")[1] == parent.split("-")[1]
    assert first[2].split("-")[2] != parent.split("-")[2]
    assert first[3:] == ["a=b", 0]
    assert second[2].split("-")[1] not in {parent.split("-")[1], "0" * 32}


async def test_context_variables_of_one_call_do_not_reach_the_next(tmp_path: Path) -> None:
    from contextvars import ContextVar  # noqa: PLC0415 - only this test is about them

    seen = ContextVar("seen", default="nothing")
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("leak")
    async def leak(req: func.HttpRequest) -> func.HttpResponse:
        before = seen.get()
        seen.set("something")
        return func.HttpResponse(before)

    async with serving(app, tmp_path) as client:
        assert [(await client.get("/api/leak")).text for _ in range(2)] == ["nothing", "nothing"]


async def test_calls_under_way_are_finished_when_the_host_stops(tmp_path: Path) -> None:
    gate = asyncio.Event()
    app, inside = _waiting(gate)
    async with serving(app, tmp_path) as client:
        call = asyncio.create_task(client.send("GET", "/api/wait"))
        await _until(inside, 1)
        asyncio.get_running_loop().call_later(0.1, gate.set)
        # Leaving the block stops the host; the client's session closes first, so the call must be awaited here.
        assert (await call).status == 200
    assert inside[0] == 0
