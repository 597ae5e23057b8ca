"""The engine that runs jobs on a Kubernetes cluster: each becomes a Job of `batch/v1`, with one pod for each node."""
