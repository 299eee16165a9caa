"""A run and a trace, analysed: tables, statistics, findings."""
