"""The delivery tier: answers media URLs from a region-bound cache, or fetches from the regional origin and transforms."""
