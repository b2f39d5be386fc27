"""The invariants of the erasure protocol: where each is held, and what makes that test fail.

The numbers are those by which the design knows them. Tests are named as pytest does, without parameters; a mutant is a patch of
`tests/mutants`, and one of SLIPS means that the guards are taken away in the test's own process (tests/replay/slips.py).
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache

import pytest

from tests.architecture.tree import ROOT
from tests.mutants.test_mutants import PATCHES, read

MODELS = "tests/model/test_models.py::test_the_protocol_holds_and_everything_in_it_happens"
REPLAYED = "tests/replay/test_counterexamples.py::test_the_real_code_refuses"
REPLAYED_BETWEEN = "tests/replay/test_counterexamples.py::test_edges_refuse_what_an_older_source_has"
WITHOUT = "tests/replay/test_counterexamples.py::test_without_the_guard_it_goes_wrong"
FOUND = "tests/replay/test_oracle.py::test_without_the_guard_it_is_found"
RANDOM = "tests/replay/test_random.py::TestReplay"
CHAOS = "tests/chaos/test_chaos.py"
SLIPS = (WITHOUT, FOUND)
RECORDS = "tests/unit/origin/records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    says: str
    held_by: tuple[str, ...]
    mutants: tuple[str, ...]
    """Each names one of the tests, or one in the same file."""


INVARIANTS = {
    "I1": Invariant(
        says="after fenced no edge sends a byte of it",
        held_by=(
            MODELS,
            REPLAYED,
            REPLAYED_BETWEEN,
            RANDOM,
            CHAOS,
            "tests/unit/edge/test_deliver.py",
            "tests/unit/edge/test_agent.py",
        ),
        mutants=(WITHOUT, "edge-lease-hit", "edge-lease-piece", "edge-fence-abort", "edge-agent-ack"),
    ),
    "I2": Invariant(
        says="after verified no CDN, edge or probe returns it",
        held_by=(
            REPLAYED,
            "tests/unit/origin/test_cdn_worker.py",
            "tests/unit/origin/test_cdn_steps.py",
            "tests/unit/origin/test_probe_worker.py",
            "tests/unit/origin/test_probe_steps.py",
            "tests/unit/edge/test_probing.py",
        ),
        mutants=(
            WITHOUT,
            "origin-cdn-fence",
            "origin-cdn-second",
            "origin-cdn-over",
            "origin-probe-believed",
            "origin-probe-asked",
            "edge-probe-tombstone",
            "edge-probe-rate",
            "origin-probe-kept",
        ),
    ),
    "I3": Invariant(
        says="fenced comes within the bound of the formula",
        held_by=(RANDOM, "tests/unit/origin/test_fenced.py::test_a_renewal_after_the_entry_does_not_prolong_the_wait"),
        mutants=(FOUND, "origin-lease-bound"),
    ),
    "I4": Invariant(
        says="what is erased never returns: not by a restore, a parent, a retry, a name used again",
        held_by=(
            REPLAYED,
            RANDOM,
            f"{RECORDS}/test_recovery.py::test_yesterdays_catalogue_with_the_keys_of_now_gives_all_but_the_erased",
            f"{RECORDS}/test_backups.py",
            f"{RECORDS}/test_nonces.py",
            "tests/unit/origin/test_mirror.py",
            "tests/unit/edge/test_tier.py",
        ),
        mutants=(WITHOUT, "origin-erase-backups", "origin-erase-compacted", "tier-fence-applied", "nonce-upload"),
    ),
    "I5": Invariant(
        says="no snapshot of the key table opens an erased key with the roots of now",
        held_by=("tests/unit/origin/test_keytree.py::TestAttacker",),
        mutants=("origin-key-root",),
    ),
    "I6": Invariant(
        says="an erase takes nothing else along",
        held_by=(
            "tests/unit/origin/test_keytree.py::TestAttacker",
            f"{RECORDS}/test_deletes.py::test_forgetting_one_asset_leaves_the_others_readable",
        ),
        mutants=("origin-erase-neighbours",),
    ),
    "I7": Invariant(
        says="each edge has a beginning of one journal without gaps; one that went back is refused",
        held_by=(
            RANDOM,
            "tests/integration/test_journal_order.py",
            "tests/unit/media/test_journal.py",
            "tests/unit/edge/test_journal.py",
            "tests/unit/edge/test_agent.py",
        ),
        mutants=(FOUND, "order", "origin-order-lock", "edge-agent-regress-behind", "edge-agent-regress-chain"),
    ),
    "I8": Invariant(
        says="what a selector means is what it means at one place of the journal",
        held_by=(
            "tests/property/test_selectors.py::test_an_erase_takes_what_matches_at_its_place_of_the_journal",
            "tests/integration/test_journal_order.py",
        ),
        mutants=("origin-order-lock",),
    ),
    "I9": Invariant(
        says="purges that come twice or in another order end the same",
        held_by=(
            RANDOM,
            f"{RECORDS}/test_purges.py",
            "tests/integration/test_tiers.py",
            "tests/unit/edge/test_tier.py",
            "tests/unit/media/test_journal.py",
        ),
        mutants=(FOUND, "nonce", "order", "tier-fence-parent"),
    ),
    "I13": Invariant(
        says="a receipt holds if the log made it, and no bit of it can be another",
        held_by=("tests/unit/media/test_receipt.py", "tests/unit/cli/test_verify.py"),
        mutants=("receipt-inclusion", "receipt-statement"),
    ),
    "I14": Invariant(
        says="the log only grows",
        held_by=("tests/property/test_merkle.py", f"{RECORDS}/test_audit.py"),
        mutants=("receipt-extended", "order-audit-file"),
    ),
    "I15": Invariant(
        says="what was restricted comes back as it was, and can be erased without being shown in between",
        held_by=(f"{RECORDS}/test_restrictions.py", "tests/property/test_erasure_stages.py::TestErasuresThatWait"),
        mutants=("restriction-resolve",),
    ),
    "I16": Invariant(
        says="a hold beats an erase, which goes on when it ends, also in a catalogue from before it",
        held_by=(
            f"{RECORDS}/test_holds.py",
            "tests/property/test_erasure_stages.py::TestErasuresThatWait",
            "tests/unit/origin/test_mirror.py",
        ),
        mutants=("hold-erase", "hold-delete", "hold-recovery", "hold-compacted"),
    ),
    "I17": Invariant(
        says="any range of a sealed file is the slice of its plaintext; cut, moved or exchanged it does not open",
        held_by=("tests/unit/media/test_sealed.py",),
        mutants=("key-gate", "sealed-final"),
    ),
    "I18": Invariant(
        says="a lease is safe under clocks that are off by rho, sleep, and are set",
        held_by=(
            REPLAYED,
            RANDOM,
            CHAOS,
            "tests/unit/edge/test_lease.py",
            "tests/unit/edge/test_agent.py",
            "tests/unit/edge/test_generation.py",
            "tests/unit/origin/test_boots.py",
            "tests/model/test_copies.py",
        ),
        mutants=(
            WITHOUT,
            FOUND,
            "edge-agent-lease-long",
            "edge-agent-lease-sent",
            "edge-agent-clock",
            "edge-agent-former",
            "origin-boot-used",
            "origin-boot-doubt",
        ),
    ),
    "I19": Invariant(
        says="a crash at any step of an erase is finished by the next start",
        held_by=(f"{RECORDS}/test_erasures.py", "tests/unit/origin/test_keytree.py"),
        mutants=("origin-erase-whole",),
    ),
    "I20": Invariant(
        says="the ledger of places and reality are the same",
        held_by=(
            "tests/property/test_placements.py::test_ledger_and_reality_are_the_same_whatever_happens",
            f"{RECORDS}/test_crawl_steps.py",
            f"{RECORDS}/test_places.py",
            "tests/unit/edge/test_stock.py",
        ),
        mutants=("ledger-files", "ledger-phantom", "ledger-unlisted", "ledger-retention"),
    ),
}

NOT_HELD = {
    "I18": "an edge whose machine was copied, or put back to a snapshot, while it ran, that hears of it neither from its kernel"
    " (generation id) nor from its wall clock: until the answer to its first lease request since, and for the rest of its lease at"
    " most, it may serve what was called fenced by an ack of its other half, or before it was put back",
}
"""Parts of an invariant that no code holds."""


@cache
def names_in(file: str) -> frozenset[str]:
    """Tests, and names that test classes were given."""
    found: set[str] = set()
    for node in ast.parse((ROOT / file).read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return frozenset(found)


@pytest.mark.parametrize("invariant", INVARIANTS.values(), ids=INVARIANTS)
def test_what_holds_it_is_there(invariant: Invariant) -> None:
    for held in (*invariant.held_by, *(mutant for mutant in invariant.mutants if mutant in SLIPS)):
        file, _, name = held.partition("::")
        assert (ROOT / file).is_file(), file
        assert not name or name in names_in(file), held


@pytest.mark.parametrize("invariant", INVARIANTS.values(), ids=INVARIANTS)
def test_what_makes_it_fail_is_there(invariant: Invariant) -> None:
    patches = {patch.stem: patch for patch in PATCHES}
    files = {held.partition("::")[0] for held in invariant.held_by}
    assert invariant.mutants
    for mutant in invariant.mutants:
        if mutant not in SLIPS:
            assert read(patches[mutant]).test.partition("::")[0] in files, mutant


def test_none_is_left_out() -> None:
    asked = {f"I{number}" for number in (*range(1, 10), *range(13, 21))}
    assert set(INVARIANTS) == asked
    assert set(NOT_HELD) <= set(INVARIANTS)
