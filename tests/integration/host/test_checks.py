"""What the host refuses at start, while it serves the other functions."""

from __future__ import annotations

from pathlib import Path

import azure.functions as func
import pytest

from local.host.errors import StartError
from local.host.indexing import import_app, index

from .serving import load, write_app

STORAGE = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}


def _names(app: func.FunctionApp, settings: dict[str, str] | None = None) -> tuple[list[str], dict[str, str]]:
    loaded = load(app, settings=settings)
    return [function.name for function in loaded.functions], loaded.errors


def _http_app(*declared: tuple[str, str, list[str]]) -> func.FunctionApp:
    app = func.FunctionApp()
    for name, route, methods in declared:

        @app.function_name(name)
        @app.route(route, methods=methods)
        async def answer(req: func.HttpRequest) -> func.HttpResponse:
            return func.HttpResponse()

    return app


def test_a_binding_name_with_an_underscore_is_refused_and_the_others_load() -> None:
    app = _http_app(("fine", "fine", ["GET"]))

    @app.queue_trigger("queue_msg", "work", "AzureWebJobsStorage")
    async def refused(queue_msg: func.QueueMessage) -> None: ...

    names, errors = _names(app, STORAGE)
    assert names == ["fine"]
    assert "'queue_msg' is invalid" in errors["refused"]


@pytest.mark.parametrize("name", ["host", "Host", "1st", "with.dot", "_x"])
def test_a_function_name_that_the_host_does_not_take_is_refused(name: str) -> None:
    assert list(_names(_http_app((name, "r", ["GET"])))[1]) == [name]


@pytest.mark.parametrize("route", ["admin", "/Admin/x", "administrators", "runtime", "runtimes/x"])
def test_a_route_that_starts_with_admin_or_runtime_is_refused(route: str) -> None:
    names, errors = _names(_http_app(("a", route, ["GET"])))
    assert names == []
    assert "built in routes" in errors["a"]


def test_a_route_that_only_holds_such_a_word_later_is_served() -> None:
    assert _names(_http_app(("a", "my/admin", ["GET"])))[0] == ["a"]


def test_the_second_function_with_the_same_route_and_method_is_in_error() -> None:
    app = _http_app(("b", "/Items/{id}", ["GET", "POST"]), ("a", "items/{id}/", ["POST"]))
    names, errors = _names(app)
    assert names == ["a"]
    assert "conflicts with the route of the function 'a'" in errors["b"]


def test_the_same_route_with_other_methods_is_no_conflict() -> None:
    assert _names(_http_app(("a", "items", ["GET"]), ("b", "items", ["POST"])))[0] == ["a", "b"]


def test_an_unknown_route_constraint_is_an_error_of_its_function() -> None:
    names, errors = _names(_http_app(("a", "items/{id:phone}", ["GET"]), ("b", "other", ["GET"])))
    assert names == ["b"]
    assert "'phone'" in errors["a"]


def test_a_setting_in_percent_signs_must_exist() -> None:
    def app() -> func.FunctionApp:
        app = func.FunctionApp()

        @app.timer_trigger("timer", "%SWEEP%")
        async def sweep(timer: func.TimerRequest) -> None: ...

        return app

    assert "'%SWEEP%' does not resolve" in _names(app())[1]["sweep"]
    loaded = load(app(), settings={"SWEEP": "0 */5 * * * *"})
    assert loaded.functions[0].trigger.text("schedule") == "0 */5 * * * *"


def test_a_schedule_that_is_neither_ncrontab_nor_timespan_is_refused() -> None:
    app = func.FunctionApp()

    @app.timer_trigger("timer", "every day")
    async def sweep(timer: func.TimerRequest) -> None: ...

    assert "NCRONTAB" in _names(app)[1]["sweep"]


def test_an_unknown_time_zone_is_an_error_of_the_timer() -> None:
    app = func.FunctionApp()

    @app.timer_trigger("timer", "0 0 * * * *")
    async def sweep(timer: func.TimerRequest) -> None: ...

    assert "Mars/Base" in _names(app, {"WEBSITE_TIME_ZONE": "Mars/Base"})[1]["sweep"]


def test_a_queue_needs_its_connection_and_a_valid_name() -> None:
    app = func.FunctionApp()

    @app.queue_trigger("message", "work", "OtherStorage")
    async def unconnected(message: func.QueueMessage) -> None: ...

    @app.queue_trigger("message", "no--good", "AzureWebJobsStorage")
    async def misnamed(message: func.QueueMessage) -> None: ...

    errors = _names(app, STORAGE)[1]
    assert "'OtherStorage' does not exist" in errors["unconnected"]
    assert "'no--good' is not a valid queue name" in errors["misnamed"]


def test_a_trigger_that_this_host_does_not_run_is_said_to_be_so() -> None:
    app = func.FunctionApp()

    @app.blob_trigger("blob", "files/{name}", "AzureWebJobsStorage")
    async def on_blob(blob: func.InputStream) -> None: ...

    assert "blobTrigger" in _names(app, STORAGE)[1]["on_blob"]


def test_a_parameter_type_that_the_trigger_cannot_give_is_refused() -> None:
    app = func.FunctionApp()

    @app.event_grid_trigger("event")
    async def on_event(event: func.QueueMessage) -> None: ...

    assert "eventGridTrigger cannot give" in _names(app)[1]["on_event"]


def test_a_parameter_without_a_binding_stops_the_indexing_of_all() -> None:
    app = func.FunctionApp()

    @app.route("a")
    async def a(req: func.HttpRequest, extra: str) -> func.HttpResponse:
        return func.HttpResponse(extra)

    with pytest.raises(StartError, match="no binding for the parameter extra"):
        index(app)


def test_a_binding_without_a_parameter_stops_the_indexing_of_all() -> None:
    app = func.FunctionApp()

    @app.route("a", trigger_arg_name="request")
    async def a(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse()

    with pytest.raises(StartError, match="parameter"):
        index(app)


def test_two_functions_of_one_name_stop_the_indexing_of_all() -> None:
    with pytest.raises(StartError, match="unique"):
        index(_http_app(("a", "x", ["GET"]), ("a", "y", ["GET"])))


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("", "no FunctionApp"),
        ("import azure.functions as func\na = func.FunctionApp()\nb = func.FunctionApp()\n", "more than one"),
    ],
)
def test_an_app_has_exactly_one_function_app_object(
    source: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    script = f"app_{abs(hash(source))}.py"
    monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", script)
    write_app(tmp_path, "").joinpath(script).write_text(source, "utf-8")
    with pytest.raises(StartError, match=sentence):
        import_app(tmp_path)


def test_a_folder_without_an_app_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StartError, match=r"no function_app\.py"):
        import_app(tmp_path)
