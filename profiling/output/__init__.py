"""Output formats: CSV, JSON, saved runs and the HTML report."""
