"""A profiler trace file in, tables out; no torch anywhere below."""
