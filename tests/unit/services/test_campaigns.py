"""Campaigns in their table: whole or not at all, in chunks that fit, claimed by one worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.edges.tables_memory import MemoryTables
from shared.ports.tables import Entity, Range
from shared.rules.errors import NotFound, StorageUnavailable
from shared.rules.pacing import Rate
from shared.services.campaign_rows import PreparedRecipient, RowError
from shared.services.campaigns import LEASE, Campaign, Campaigns, Status, chunked
from tests.unit.services.campaigning import copies, people, request, start
from tests.unit.services.faults import Fault, FaultyTables
from tests.unit.services.world import ANN, BOB, TOLL_FREE, World

CAMPAIGN = Campaign(
    id="c" * 32,
    name="News",
    sender=TOLL_FREE,
    text="Hi {{name}}",
    tag="t",
    created_ms=1_767_225_600_000,
    send_at_ms=1,
    not_after_ms=2,
    quiet=True,
    delivery_report=False,
    status=Status.RUNNING,
    chunks=2,
    recipients=3,
    duplicates=4,
    errors=5,
)
CHUNKS = [
    [PreparedRecipient(1, ANN, "Hi Ann"), PreparedRecipient(3, BOB, "Hi Bob")],
    [PreparedRecipient(9, "+33612345678", "Hi Ann")],
]
PROBLEMS = [RowError(number, "NotAPhoneNumber", "Write it as + and digits.") for number in range(400)]


def store(world: World) -> Campaigns:
    """Return the store."""
    return world.services.campaigns


async def test_a_campaign_is_read_back_as_it_was_stored() -> None:
    campaigns = store(World())
    await campaigns.create(CAMPAIGN, CHUNKS, PROBLEMS)
    found = await campaigns.get(CAMPAIGN.id)
    assert replace(found, etag="") == CAMPAIGN
    assert [(one.number, one.total, one.closed) for one in await campaigns.chunks(CAMPAIGN)] == [
        (0, 2, False),
        (1, 1, False),
    ]
    assert [list(await campaigns.addressees(CAMPAIGN.id, number)) for number in (0, 1)] == CHUNKS
    assert list(await campaigns.problems(CAMPAIGN.id)) == PROBLEMS
    assert await campaigns.addressees(CAMPAIGN.id, 7) == ()
    assert await campaigns.chunk(CAMPAIGN.id, 7) is None


async def test_a_campaign_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFound) as raised:
        await store(World()).get("nothing")
    assert raised.value.code == "CampaignNotFound"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_campaign_that_is_stored_in_part_is_not_seen_and_a_repeat_completes_it(when: str) -> None:
    to = people(250)
    calls = Fault(10**9, "before", StorageUnavailable("never"))
    plain = MemoryTables()
    await _start(World(tables=plain, on_tables=FaultyTables(plain, calls)), to)
    for at in range(calls.calls):
        tables = MemoryTables()
        fault = Fault(at, "before" if when == "before" else "after", StorageUnavailable("down"))
        world = World(tables=tables, on_tables=FaultyTables(tables, fault))
        with pytest.raises(StorageUnavailable):
            await _start(world, to)
        page, _ = await store(world).page(10, None)
        for one in page:
            assert len(await store(world).chunks(one)) == one.chunks
        world.clock.advance(seconds=130)
        again = await _start(world, to)
        assert again.recipients == 250
        assert len((await store(world).page(10, None))[0]) == 1
        await world.pass_time(minutes=4)
        assert copies(world, to) == [1] * 250, fault


async def _start(world: World, to: list[str]) -> Campaign:
    return await world.services.campaign_plans.start(request(world, to), "key")


async def test_a_worker_that_stores_for_too_long_gives_up_before_another_may_have_begun() -> None:
    world = World()
    table = world.tables.table("Campaigns")
    transact = table.transact

    async def slow(writes: object) -> tuple[str, ...]:
        world.clock.advance(seconds=61)
        return await transact(writes)  # type: ignore[arg-type]  # passed on as it came

    table.transact = slow  # type: ignore[method-assign]  # the fake is slow
    with pytest.raises(StorageUnavailable):
        await _start(world, people(9_000))
    assert (await store(world).page(10, None))[0] == ()


async def test_a_campaign_that_was_paused_meanwhile_is_not_set_going_by_a_second_creation() -> None:
    campaigns = store(World())
    await campaigns.create(CAMPAIGN, CHUNKS, [])
    await campaigns.set_status(CAMPAIGN.id, Status.PAUSED)
    await campaigns.create(CAMPAIGN, CHUNKS, [])
    assert (await campaigns.get(CAMPAIGN.id)).status is Status.PAUSED


@pytest.mark.parametrize("end", [Status.CANCELED, Status.DONE])
async def test_what_has_ended_stays_so(end: Status) -> None:
    campaigns = store(World())
    await campaigns.create(CAMPAIGN, CHUNKS, [])
    await campaigns.end(CAMPAIGN, end)
    assert (await campaigns.set_status(CAMPAIGN.id, Status.RUNNING)).status is end
    assert [one async for one in campaigns.running()] == []


async def test_campaigns_are_listed_the_newest_first() -> None:
    world = World()
    ids = []
    for _ in range(5):
        world.clock.advance(seconds=1)
        ids.append((await start(world, request(world, [ANN]))).id)
    first, cursor = await store(world).page(3, None)
    rest, end = await store(world).page(3, cursor)
    assert [one.id for one in (*first, *rest)] == ids[::-1]
    assert end is None


async def test_a_chunk_is_leased_to_one_worker_until_its_lease_ends() -> None:
    world = World()
    campaigns = store(world)
    await campaigns.create(CAMPAIGN, CHUNKS, [])
    claims = await asyncio.gather(*(campaigns.claim(CAMPAIGN.id, 0) for _ in range(5)))
    assert sum(claim is not None for claim in claims) == 1
    world.clock.advance(seconds=LEASE.total_seconds() + 1)
    again = await campaigns.claim(CAMPAIGN.id, 0)
    assert again
    (first,) = [claim for claim in claims if claim]
    assert await campaigns.keep(replace(first, position=1)) is None
    assert await campaigns.keep(replace(again, closed=True))
    assert await campaigns.claim(CAMPAIGN.id, 0) is None


def _nowhere(_recipient: PreparedRecipient) -> int:
    return 0


def _recipients(count: int, text: str = "Hello") -> list[PreparedRecipient]:
    return [PreparedRecipient(number, f"+1425555{number:04}", text) for number in range(count)]


@pytest.mark.parametrize(("units", "most"), [(6_000, 99), (200, 99), (100, 100), (60_000, 100)])
def test_chunks_hold_whole_requests(units: int, most: int) -> None:
    chunks = chunked(_recipients(250), _nowhere, Rate(units))
    assert len(chunks[0]) == most
    assert [one for chunk in chunks for one in chunk] == _recipients(250)


def test_a_chunk_has_recipients_of_one_place() -> None:
    chunks = chunked(_recipients(10), lambda one: one.row // 4, Rate(6_000))
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]


@pytest.mark.parametrize("letter", ["x", "ü", "😀"])
async def test_a_chunk_of_long_texts_fits_its_row(letter: str) -> None:
    world = World()
    length = 2048 // len(letter.encode("utf-16-le")) * 2
    addressees = [PreparedRecipient(n, f"+1425555{n:04}", f"{n:03}" + letter * (length - 3)) for n in range(60)]
    chunks = chunked(addressees, _nowhere, Rate(6_000))
    await store(world).create(replace(CAMPAIGN, chunks=len(chunks)), chunks, [])
    found = [await store(world).addressees(CAMPAIGN.id, number) for number in range(len(chunks))]
    assert [one for chunk in found for one in chunk] == addressees
    rows = [entity for entity in world.tables.table("Campaigns")._from(None, Range()) if "names" in entity.values]
    assert all(_units(entity) <= 32_768 for entity in rows)


def _units(entity: Entity) -> int:
    return len(str(entity.values["names"]).encode("utf-16-le")) // 2
