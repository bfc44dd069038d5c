"""`make bench`: what Lintel costs, measured, plotted, and held to a budget.

readings.py   the lines that guests and Lintel print, as data
runs.py       the machines that are run for them
sources.py    sizes of images, lines of trusted sources
timeline.py   a boot's exits over time, out of its trace
figures.py    the figures that have a budget; results.json and results.csv
budgets.py    tools/budgets, and the comparison with it
plots.py      SVG drawings (matplotlib)
report.py     report.html
browser.py    report.html in headless Chromium, for the test
"""
