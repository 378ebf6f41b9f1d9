"""Whatever is killed under load: every question is answered, and none twice. `make bench-faults` kills fifty times."""

from __future__ import annotations

import pytest
import pytest_asyncio

from scripts.bench_bots.faults import KINDS
from scripts.bench_bots.installation import Corpus, installation
from scripts.bench_bots.kills import ANSWER, IN_FLIGHT, Campaign, Keeper

pytestmark = pytest.mark.asyncio(loop_scope="module")

BOTS = 8
KILLS = 2
CORPUS = Corpus(
    ["The shop is open from nine to six.", "Returns are taken back within fourteen days.", "Delivery takes two days."],
    ["When is the shop open?", "How long may I return something?", "How long does delivery take?"],
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made():
    async with installation(CORPUS) as made:  # PostgreSQL as it normally is: what it acknowledged outlives its end
        await made.model_is(always=ANSWER, **IN_FLIGHT)
        await made.register(BOTS)
        await made.start_manager()
        async with Keeper(made):
            await made.load(questions=BOTS, parallel=BOTS, mark="")
            yield made


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_lost_and_nothing_is_answered_twice(made, kind):
    outcome = await Campaign(made, kind, rate=4).run(KILLS, pause=(0.2, 0.8))
    assert outcome.kills == len(outcome.recoveries) == KILLS
    assert outcome.asked >= KILLS
    assert (outcome.lost, outcome.twice, outcome.apologies) == (0, 0, 0), outcome.samples
    assert set(outcome.states) <= {"running", "sleeping", "starting"}
