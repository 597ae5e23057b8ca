"""What pollinator_magic costs, measured beside what the bare work costs. `python -m benchmarks --help`."""
