"""The line before the decoders, over any run of askers: bounds hold, nobody idles while somebody fits, nobody starves."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.service.turns import PASSES_MAX, LineFull, Ticket, TurnLimits, Turns

TENANTS = ("a", "b", "c", "d")
limits = st.builds(
    TurnLimits,
    turns=st.integers(1, 4),
    cost_max=st.integers(1, 50),
    waiting_max=st.integers(0, 12),
    waiting_tenant_max=st.integers(0, 8),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(TENANTS), st.integers(0, 80)),
        st.tuples(st.just("end"), st.integers(0, 9), st.none()),
        st.tuples(st.just("give up"), st.integers(0, 9), st.none()),
    ),
    max_size=80,
)


class Story:
    """A line and what a caller knows of it."""

    def __init__(self, bounds: TurnLimits) -> None:
        self.turns = Turns(bounds)
        self.working: list[Ticket] = []
        self.waiting: list[Ticket] = []
        self.order: list[int] = []

    def ask(self, tenant: str, cost: int) -> Ticket | None:
        try:
            ticket, loser = self.turns.ask(tenant, cost)
        except LineFull:
            return None
        if loser is not None:
            assert loser.tenant != tenant
            self.waiting.remove(loser)
        (self.working if ticket.is_working else self.waiting).append(ticket)
        if ticket.is_working:
            self.order.append(ticket.number)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        (self.working if ticket.is_working else self.waiting).remove(ticket)
        for started in self.turns.leave(ticket):
            self.waiting.remove(started)
            self.working.append(started)
            self.order.append(started.number)

    def run(self, taken: list[tuple]) -> None:
        for what, which, cost in taken:
            if what == "ask":
                self.ask(which, cost)
            elif what == "end" and self.working:
                self.leave(self.working[which % len(self.working)])
            elif what == "give up" and self.waiting:
                self.leave(self.waiting[which % len(self.waiting)])
            self.check()

    def check(self) -> None:
        bounds, turns = self.turns.limits, self.turns
        assert (turns.working, turns.waiting) == (len(self.working), len(self.waiting))
        assert turns.working <= bounds.turns
        assert turns.working_cost == sum(ticket.cost for ticket in self.working) <= bounds.cost_max
        assert turns.waiting <= bounds.waiting_max
        for tenant in TENANTS:
            assert sum(ticket.tenant == tenant for ticket in self.waiting) <= bounds.waiting_tenant_max
        if self.waiting and turns.working < bounds.turns:  # work-conserving, but for one who has let enough pass
            room = bounds.cost_max - turns.working_cost
            held = any(ticket.passed >= PASSES_MAX for ticket in self.waiting)
            assert held or all(ticket.cost > room for ticket in self.waiting)
        assert all(ticket.passed <= PASSES_MAX for ticket in self.waiting)
        if self.waiting:
            assert self.working, "somebody waits for nothing"


@given(limits, steps)
@settings(max_examples=300)
def test_bounds_hold_and_nobody_idles_while_somebody_fits(bounds: TurnLimits, taken: list[tuple]) -> None:
    Story(bounds).run(taken)


@given(limits, steps)
@settings(max_examples=50)
def test_the_same_calls_give_the_same_order(bounds: TurnLimits, taken: list[tuple]) -> None:
    one, other = Story(bounds), Story(bounds)
    one.run(taken)
    other.run(taken)
    assert one.order == other.order


@given(limits, steps)
@settings(max_examples=50)
def test_a_line_that_ran_empty_remembers_nobody(bounds: TurnLimits, taken: list[tuple]) -> None:
    story = Story(bounds)
    story.run(taken)
    while story.working:
        story.leave(story.working[0])
    assert not story.waiting
    assert (story.turns._had, story.turns._lines, story.turns._now) == ({}, {}, 0)


@given(
    st.integers(1, 4),
    st.lists(st.integers(1, 30), min_size=1, max_size=10),
    st.lists(st.tuples(st.sampled_from(TENANTS[1:]), st.integers(1, 30)), min_size=1, max_size=40),
)
@settings(max_examples=200)
def test_whoever_waits_starts_however_many_keep_coming(
    turns: int, before: list[int], newcomers: list[tuple[str, int]]
) -> None:
    """Ends come oldest first; after each, more of other clouds ask, for ever. All who asked first must have started by
    the time that the others have had as much work as they have asked for, and a bounded number of passes on top.
    """
    story = Story(TurnLimits(turns=turns, cost_max=30, waiting_max=10_000, waiting_tenant_max=10_000))
    mine = [ticket for cost in before if (ticket := story.ask("a", cost)) is not None]
    for at in range(2000):
        story.ask(*newcomers[at % len(newcomers)])
        if not story.working:
            break
        story.leave(story.working[0])
        if not any(ticket in story.waiting for ticket in mine):
            return
    raise AssertionError("starved")


@given(st.integers(1, 4), st.integers(1, 30), st.integers(1, 60))
@settings(max_examples=100)
def test_one_request_beside_a_flood_is_the_next_to_start(turns: int, cost: int, flood: int) -> None:
    story = Story(TurnLimits(turns=turns, cost_max=30 * turns, waiting_max=100, waiting_tenant_max=64))
    for _ in range(flood + turns):
        story.ask("a", 30)
    lone = story.ask("b", cost)
    assert lone is not None
    story.leave(story.working[0])
    assert lone.is_working


@given(st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=60)
def test_two_floods_share_by_work_and_not_by_number(cost: int, other: int) -> None:
    story = Story(TurnLimits(turns=1, cost_max=100, waiting_max=1000, waiting_tenant_max=500))
    for _ in range(400):
        story.ask("a", cost)
        story.ask("b", other)
    had = {"a": 0, "b": 0}
    for _ in range(200):
        ticket = story.working[0]
        had[ticket.tenant] += ticket.cost
        story.leave(ticket)
    assert abs(had["a"] - had["b"]) <= cost + other
