"""What runs a Python cell inside a job, as a notebook would. Standard library only, Python 3.8 and newer.

This package travels in the snapshot as `src/.pollinator/runner`, where `start.py` is what the job's script starts; here
it is imported for what both sides share: how outputs are written into a log (`wire`), and how values are kept in files
(`variables`).
"""
