"""How a process of the node logs, as its settings have it."""

from __future__ import annotations

from domicile.service import logging
from domicile.service.log_flood import Flood
from edge.settings import EdgeSettings

NODE, AGENT, WORKER = "edge-node", "edge-agent", "edge"
"""What its lines say they are from."""


def configure(process: str, settings: EdgeSettings) -> Flood:
    """From now on; may be called again."""
    return logging.configure(process, level=settings.log_level, lines_per_second_max=settings.log_lines_per_second_max)
