"""Turns what a person asks into measured records, by way of a worker process."""
