"""Runs and lessons as one HTML file that opens anywhere, without a network."""

from profiling.html_report.document import document
from profiling.html_report.lessons import lesson_part
from profiling.html_report.parts import Part
from profiling.html_report.runs import run_part

__all__ = ["Part", "document", "lesson_part", "run_part"]
