"""A run → tables → statistics → findings: what is derived of what was measured."""
