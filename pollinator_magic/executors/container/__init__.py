"""Runs jobs in containers of this host: podman or docker, by their command line."""
