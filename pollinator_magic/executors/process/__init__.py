"""Runs jobs as processes of this host."""
