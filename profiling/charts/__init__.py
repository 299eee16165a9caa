"""Draws plotly figures from tables. No torch."""
