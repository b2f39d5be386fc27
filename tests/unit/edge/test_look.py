"""What a worker counts of versions that it should have nothing of, through the whole worker."""

from __future__ import annotations

from pathlib import Path

from domicile.media.asset import Aid
from domicile.media.journal import Kind
from edge.look import AIDS_PER_LOOK_MAX, LookAnswer, LookQuestion, in_parts
from tests.unit.edge.rig import CLOUD, Rig, hash_of

PATH = "/demo/image/upload/w_10/v1/mine.png"


async def test_a_worker_finds_what_it_holds_of_a_version_and_after_an_erase_nothing(tmp_path: Path) -> None:
    async with Rig.open(tmp_path) as rig:
        aid = rig.origin.upload("mine", b"mine").aid
        looker = rig.parts.door.looker

        def look(seq: int = 0) -> LookAnswer:
            return looker.look(LookQuestion(tenant=CLOUD, seq=seq, aids=(aid,)))

        assert look() == LookAnswer(kept=0, going=0)
        await rig.get(PATH)
        disk = rig.parts.tiers.lookup.disk
        assert disk is not None
        assert (await rig.get(PATH)).cache == "hit"
        assert look().kept >= 2  # RAM, and the prepared answer
        assert look().going == len(disk.index.tagged((aid,)))
        assert looker.look(LookQuestion(tenant=CLOUD, seq=0, aids=(Aid("9" * 32),))) == LookAnswer(kept=0, going=0)
        await rig.entry(Kind.ERASE, aids=(aid,), names=(hash_of("mine"),))
        seq = rig.origin.sequence
        assert look(seq) == LookAnswer(kept=0, going=0)
        assert look(seq + 1) == LookAnswer(kept=0, going=1)  # it has not come so far


def test_a_question_holds_only_so_many() -> None:
    aids = [Aid(f"{number:032x}") for number in range(AIDS_PER_LOOK_MAX + 1)]
    assert [len(part) for part in in_parts(aids)] == [AIDS_PER_LOOK_MAX, 1]
    assert in_parts([]) == [()]
