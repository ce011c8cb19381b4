"""Random histories, done on the fake and on the real store side by side: every answer is the same."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.edges.tables_azure import open_tables
from shared.edges.tables_memory import MemoryTables
from shared.ports.tables import Entity, EntityChanged, EntityExists, Page, Range, Table, Value, Write
from tests.support.azurite import Azurite

keys = st.sampled_from(["", "a", "A", "b", "ba", "o'b", "é", "😀", "\ue000", "~"])
bounds = st.none() | keys
values: st.SearchStrategy[dict[str, Value]] = st.dictionaries(
    st.sampled_from(["n", "text", "on"]),
    st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8, alphabet=st.characters(codec="utf-8", exclude_categories=["Cc"])),
)
entities = st.builds(Entity, keys, keys, values)
kinds = st.sampled_from(["insert", "replace", "upsert"])


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. ETags are named by how many versions of that row to go back, None for "any"."""

    kind: str
    entity: Entity = field(default_factory=lambda: Entity("", ""))
    versions_back: int = 0
    within: Range = field(default_factory=Range)
    limit: int = 1
    writes: tuple[tuple[str, Entity], ...] = ()


ranges = st.builds(Range, partition=keys, row_from=bounds, row_to=bounds) | st.builds(
    Range, partition_from=bounds, partition_to=bounds, row_from=bounds, row_to=bounds
)
batches = st.lists(st.tuples(kinds, entities), max_size=4, unique_by=lambda write: write[1].row).map(tuple)
steps = st.one_of(
    st.builds(
        Step,
        st.sampled_from(["get", "insert", "replace", "upsert", "delete", "delete if"]),
        entity=entities,
        versions_back=st.integers(0, 1),
    ),
    st.builds(Step, st.just("query"), within=ranges, limit=st.integers(1, 4)),
    st.builds(
        lambda partition, back, writes: Step(
            "transact",
            versions_back=back,
            writes=tuple((kind, replace(entity, partition=partition)) for kind, entity in writes),
        ),
        keys,
        st.integers(0, 1),
        batches,
    ),
)


class Player:
    """One store and the ETags it gave, by row, oldest first."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.etags: dict[tuple[str, str], list[str]] = {}

    async def play(self, step: Step) -> Any:
        """Do the step and return what can be seen of it."""
        try:
            return await self._do(step)
        except (EntityExists, EntityChanged) as error:
            return type(error).__name__

    async def _do(self, step: Step) -> Any:
        entity = step.entity
        match step.kind:
            case "get":
                found = await self.table.get(entity.partition, entity.row)
                return found and self._seen(found)
            case "query":
                return await self._pages(step)
            case "delete":
                return await self.table.delete(entity.partition, entity.row)
            case "delete if":
                etag = self._etag(entity, step.versions_back)
                return await self.table.delete(entity.partition, entity.row, etag)
            case "transact":
                writes = [self._write(kind, entity, step.versions_back) for kind, entity in step.writes]
                for write, etag in zip(writes, await self.table.transact(writes), strict=True):
                    self._note(write.entity, etag)
                return len(writes)
            case _:
                return await self._single(step)

    async def _single(self, step: Step) -> str:
        write = self._write(step.kind, step.entity, step.versions_back)
        self._note(write.entity, await getattr(self.table, step.kind)(write.entity))
        return "written"

    async def _pages(self, step: Step) -> list[Any]:
        seen: list[Any] = []
        cursor: str | None = None
        while True:
            page: Page = await self.table.query(step.within, limit=step.limit, cursor=cursor)
            seen.append([self._seen(entity) for entity in page.entities])
            cursor = page.cursor
            if cursor is None:
                return seen

    def _write(self, kind: str, entity: Entity, back: int) -> Write:
        etag = self._etag(entity, back) if kind == "replace" else ""
        return Write(kind, replace(entity, etag=etag))  # type: ignore[arg-type]  # one of the three

    def _etag(self, entity: Entity, back: int) -> str:
        known = self.etags.get((entity.partition, entity.row), [])
        return known[-1 - back] if len(known) > back else "W/\"datetime'2000-01-01T00%3A00%3A00.0000000Z'\""

    def _note(self, entity: Entity, etag: str) -> None:
        self.etags.setdefault((entity.partition, entity.row), []).append(etag)

    def _seen(self, found: Entity) -> tuple[Any, ...]:
        is_last = found.etag == self.etags[(found.partition, found.row)][-1]
        typed = sorted((name, type(value).__name__, value) for name, value in found.values.items())
        return found.partition, found.row, typed, is_last


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Give one event loop for all histories: the real client's connections live in it."""
    with asyncio.Runner() as opened:
        yield opened


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(history=st.lists(steps, min_size=5, max_size=25))
def test_the_fake_answers_as_the_real_store(azurite: Azurite, runner: asyncio.Runner, history: list[Step]) -> None:
    async def play() -> None:
        store = open_tables(azurite.connection_string, prefix=f"t{uuid.uuid4().hex}")
        try:
            real, fake = Player(store.table("model")), Player(MemoryTables().table("model"))
            for step in history:
                assert await fake.play(step) == await real.play(step), step
        finally:
            await store.close()

    runner.run(play())
