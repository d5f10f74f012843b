"""What `check.py` stands on: the judge of each exercise, its hints, the session's clock, the report.

The judge looks at the state an agent keeps, never at what a program prints. Nothing here holds a solution.
"""
