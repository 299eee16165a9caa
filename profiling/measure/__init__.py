"""Torch in, records out: every observation of a running step is made here."""
