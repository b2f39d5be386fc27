"""`python -m domicile.cli` is `domicile`."""

from domicile.cli.main import main

main()
