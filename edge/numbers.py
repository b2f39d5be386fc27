"""How a node stands, from the agent's point of view: for `/readyz`, the supervisor's ready line, and the metrics."""

from __future__ import annotations

from dataclasses import dataclass

from edge.agent import Agent
from edge.keyring import Keyring
from edge.members import Members
from edge.messages import NodeStatus
from edge.node import Node
from edge.register import Register
from edge.reports import Reports
from edge.reserve import Reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeNumbers:
    """Looks; changes nothing."""

    node: Node
    agent: Agent
    members: Members
    keyring: Keyring
    register: Register
    reports: Reports
    reserve: Reserve

    def status(self) -> NodeStatus:
        tenants, tenure = self.node.tenants, self.agent.tenure
        own = {name: tenant.refused for name, tenant in tenants.items() if tenant.refused}
        return NodeStatus(
            node=self.agent.starts.identity.node,
            region=self.agent.starts.identity.region,
            leased=tenure.leased,
            headroom_seconds=tenure.headroom_seconds,
            tenants=tuple(sorted(name for name, tenant in tenants.items() if tenant.grant is not None)),
            refused={**tenure.refused, **own},
            problem=self.agent.problem,
            heads=self.node.cursors(),
            workers_alive=self.members.alive(),
        )

    def numbers(self) -> dict[str, float]:
        """By the names of `exporter.NODE_HELP`."""
        stand, page = self.status(), self.node.page
        return {
            "lease_headroom_seconds": stand.headroom_seconds,
            "journal_lag_entries": sum(self.agent.tenure.lag.values()),
            "workers_alive": stand.workers_alive,
            "workers_configured": page.workers,
            "tenants_served": len(stand.tenants),
            "tenants_refused": len(stand.refused),
            "keyring_keys": len(self.keyring),
            "registered_objects": self.register.count,
            "journal_reserve_bytes": self.reserve.held_bytes,
            "events_applied": page.applied,
            "erasures_in_memory": page.erased - page.forgotten,
            "workers_killed_total": self.members.killed,
            "lease_renewals_total": self.agent.renewals,
            "journal_acks_total": self.agent.acks,
            "begun_anew_total": self.agent.starts.begun_anew,
            "agent_origin_failures_total": self.agent.failures,
            "reports_lost_total": self.reports.dropped,
        }
