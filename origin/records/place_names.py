"""What places are called, in statements of erasures and in the ledger alike: a statement names no place that the ledger has not."""

from __future__ import annotations

STORE = "origin store"
CATALOGUE = "catalogue"
SEARCH = "search index"
OUTBOX = "outbox"
EDGES = "edges"
BROWSERS = "browser caches"
SHARED = "shared caches outside"
WEBHOOK = "webhook"
EXPORT = "export"


def cdn(account: str) -> str:
    return f"cdn {account}"
