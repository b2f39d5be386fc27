"""Long random runs: `python -m tests.fuzz --seconds 600`. See language.py and media.py; a short run is in the tests."""
