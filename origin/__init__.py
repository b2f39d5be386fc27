"""The system of record: upload, catalogue, policy, keys, journal, erasure."""
