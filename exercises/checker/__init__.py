"""The checker behind `check.py`: the checks of each exercise, hints, the session's clock, the report.

The checks read the state that an agent stores, never the output of a program. No solution is in this
package.
"""
