"""Reads profiler traces and derives tables from them. No torch."""
