"""How each family of transformation parameters is written: one small file a family, under its grammar line.

A family is a tuple of `Parameter`; `grammar.py` puts them together. Adding one: write its ABNF, `read` and `write`
in the family's file, list it in `PARAMETERS` there, add rows to tests/vectors/url and a strategy to
tests/property/transformations.py; `read(write(x)) == x` is then tested.
"""
