"""Two functions that keep each event in a row, with one upsert, and do nothing else."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import azure.functions as func
from azure.data.tables.aio import TableClient

app = func.FunctionApp()


@cache
def _table() -> TableClient:
    return TableClient.from_connection_string(os.environ["AzureWebJobsStorage"], "BareEvents")  # noqa: SIM112 - its name


async def _keep(event: func.EventGridEvent, partition: str) -> None:
    data: dict[str, Any] = event.get_json()
    row = {"PartitionKey": partition, "RowKey": event.id}
    await _table().upsert_entity({**row, **{name: str(value) for name, value in data.items()}})


@app.function_name("sms_delivery_report")
@app.event_grid_trigger(arg_name="event")
async def sms_delivery_report(event: func.EventGridEvent) -> None:
    """Keep a delivery report."""
    await _keep(event, "reports")


@app.function_name("sms_received")
@app.event_grid_trigger(arg_name="event")
async def sms_received(event: func.EventGridEvent) -> None:
    """Keep an inbound text."""
    await _keep(event, "texts")
