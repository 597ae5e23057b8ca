"""The notebook front end: magics, and how a job is shown in a cell."""
