"""How a statement tells what a place said when it was asked: its state, the class of the evidence, counts, and when."""

from __future__ import annotations

from origin.probe_steps import Outcome, Standing
from origin.records.probes import Looked

EDGES = "each edge looked through what its workers and its agent keep, and asked its own listener"
CDN = "asked through every address that viewers have"
CIPHERTEXT = "sealed records of before were tried to be opened"

Told = dict[str, int | str]


def probe_of_edges(looked: Looked) -> Told:
    return {**_told(looked.edges, EDGES), "nodes": looked.nodes, "versions": looked.versions}


def probe_of_cdn(standing: Standing) -> Told:
    return _told(standing, CDN)


def probe_of_ciphertext(looked: Looked) -> Told:
    state = Outcome.PENDING if looked.opened else Outcome.VERIFIED
    return {"class": CIPHERTEXT, "state": str(state), "asked": looked.samples, "given": looked.opened}


def _told(standing: Standing, kind: str) -> Told:
    """`given`: answers that gave something away. `why`: of one that is not verified."""
    tally = standing.tally
    told: Told = {
        "class": kind,
        "state": str(standing.outcome),
        "tries": standing.tries,
        "asked": tally.asked,
        "given": tally.found,
        "unjudged": tally.unjudged,
        "at": int(standing.due_at) if standing.is_settled else 0,
    }
    return told | ({"why": standing.why} if standing.why else {})
