"""The steps of tools/run_tests.py.

report.py    results, counted and printed
host.py      build, the same build again, unit tests, fuzzing
machines.py  what boots on an emulator
lab.py       the laboratory
bench.py     budgets, and the report in a browser
"""
