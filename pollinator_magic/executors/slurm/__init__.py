"""Runs jobs through Slurm, in containers of Apptainer or on the bare nodes."""
