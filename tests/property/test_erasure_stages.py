"""Erasures that wait, decided step by step: whatever happens between, a hold beats an erase, an erase that waited is carried out
when the last hold and the grace have ended, and nothing that an erasure has hidden is shown before it is gone or cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from origin.records.stages import Mode, Outside, Stage, Standing, Step, may_cancel, next_step, stage_of, waiting_stage

ASSETS = ("a", "b", "c")
GRACE = 10.0
STEPS_MAX = 50


@dataclass
class Erasure:
    targets: set[str]
    approve_until: float
    grace_until: float
    marked: set[str] = field(default_factory=set)
    taken: int = 0
    is_cancelled: bool = False
    is_over: bool = False


class Installation(RuleBasedStateMachine):
    """Does what `origin.records.deferred` does with rows, with sets."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.living = set(ASSETS)
        self.hidden: set[str] = set()
        self.art_18: set[str] = set()
        self.holds: set[str] = set()
        self.erasures: list[Erasure] = []
        self.taken_while_held: set[str] = set()

    def standing(self, one: Erasure) -> Standing:
        held = one.targets & self.holds
        shown = (one.marked & self.living) - self.hidden or (
            held - one.marked if self.now >= one.grace_until else set()
        )
        return Standing(
            mode=Mode.ERASE,
            now=self.now,
            approve_until=one.approve_until,
            grace_until=one.grace_until,
            is_cancelled=one.is_cancelled,
            free=bool(one.targets - self.holds),
            held=bool(held),
            shown=bool(shown),
        )

    def go_on(self) -> None:
        for one in self.erasures:
            for _ in range(STEPS_MAX):
                step = Step.WAIT if one.is_over else next_step(self.standing(one))
                if step is Step.WAIT:
                    break
                self.carry_out(one, step)
            else:
                raise AssertionError("it never ends")

    def carry_out(self, one: Erasure, step: Step) -> None:
        match step:
            case Step.CANCEL:
                one.is_cancelled, one.approve_until = True, 0.0
            case Step.HIDE:
                one.marked |= one.targets & self.holds if self.now >= one.grace_until else set()
                self.hidden |= one.marked & self.living
            case Step.SHOW:
                one.marked.clear()
                one.targets.clear()
                self.show()
            case Step.TAKE:
                free = one.targets - self.holds
                self.taken_while_held |= free & self.holds
                self.living -= free
                self.hidden -= free
                one.taken += len(free)
                one.targets -= free
            case _:
                one.is_over = True

    def show(self) -> None:
        self.hidden &= self.art_18.union(*(one.marked for one in self.erasures))

    @rule(chosen=st.sets(st.sampled_from(ASSETS), min_size=1), grace=st.booleans(), needs_approval=st.booleans())
    def erase(self, chosen: set[str], grace: bool, needs_approval: bool) -> None:
        one = Erasure(
            targets=chosen & self.living,
            approve_until=self.now + 3 * GRACE if needs_approval else 0.0,
            grace_until=self.now + GRACE if grace else 0.0,
        )
        if grace and not needs_approval:
            one.marked = set(one.targets)
        self.erasures.append(one)
        self.go_on()

    @rule(asset=st.sampled_from(ASSETS))
    def restrict(self, asset: str) -> None:
        self.art_18.add(asset)
        self.hidden |= {asset} & self.living
        self.go_on()

    @rule(asset=st.sampled_from(ASSETS))
    def unrestrict(self, asset: str) -> None:
        self.art_18.discard(asset)
        self.show()
        self.go_on()

    @rule(asset=st.sampled_from(ASSETS))
    def hold(self, asset: str) -> None:
        self.holds |= {asset} & self.living

    @rule(asset=st.sampled_from(ASSETS))
    def lift(self, asset: str) -> None:
        self.holds.discard(asset)
        self.go_on()

    @rule(seconds=st.sampled_from([1.0, GRACE, 3 * GRACE]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.go_on()

    @precondition(lambda self: self.erasures)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.erasures))
        if not one.is_over and may_cancel(self.standing(one), taken=one.taken):
            one.is_cancelled, one.approve_until = True, 0.0
            self.go_on()
            assert not one.taken

    @precondition(lambda self: self.erasures)
    @rule(data=st.data())
    def approve(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.erasures))
        if self.now < one.approve_until:
            one.approve_until = 0.0
            one.marked = set(one.targets) if self.now < one.grace_until else one.marked
            self.go_on()

    @invariant()
    def nothing_held_is_taken(self) -> None:
        assert not self.taken_while_held
        assert self.holds <= self.living | set()

    @invariant()
    def what_an_erasure_hid_stays_hidden_until_it_is_gone(self) -> None:
        for one in self.erasures:
            assert not (one.marked & self.living) - self.hidden or one.is_over

    @invariant()
    def nothing_waits_without_a_reason(self) -> None:
        for one in self.erasures:
            at = self.standing(one)
            assert one.is_over or waiting_stage(at) is not None
            if one.is_over and not one.is_cancelled:
                assert not one.targets & self.living

    @invariant()
    def only_a_restriction_hides(self) -> None:
        waiting = [one.marked for one in self.erasures if not one.is_over]
        assert self.hidden <= self.art_18.union(*waiting)


Installation.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestErasuresThatWait = Installation.TestCase


def test_a_statement_never_says_more_than_is_so() -> None:
    def of(*, finished: bool = True, left: int = 0, keys_gone: bool = True, **outside: bool) -> Stage:
        usual = {"fenced": True, "purged": True, "verified": True, "settled": True, "receipted": True}
        at = Outside(**{**usual, **outside})
        return stage_of(None, at, finished=finished, left=left, keys_gone=keys_gone)

    assert of() is Stage.RECEIPTED
    assert of(receipted=False) is Stage.VERIFIED
    assert of(receipted=False, verified=False) is Stage.PARTIAL
    asked = {"verified": False, "settled": False, "receipted": False}
    assert of(**asked) is Stage.FENCED
    assert of(**asked, purged=False) is Stage.PURGING
    assert of(**asked, troubled=True) is Stage.PARTIAL
    assert of(**asked, purged=False, troubled=True) is Stage.PARTIAL
    assert of(purged=False) is Stage.PURGING
    assert of(finished=False) is Stage.ACCEPTED
    assert of(fenced=False) is Stage.SEALED
    assert of(fenced=False, left=1, keys_gone=False) is Stage.ACCEPTED
    assert of(left=1) is Stage.PARTIAL
    assert of(left=1, keys_gone=False) is Stage.PARTIAL
