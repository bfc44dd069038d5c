"""Which tests cover which rows of the policy tables.

table.py     tools/coverage.txt, and whether what it says is so
measured.py  docs/measured.json: ticks, taken from a run of the test guests
pages.py     the generated pages of docs/
"""
