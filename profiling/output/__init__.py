"""What leaves the program: CSV, JSON, saved runs, the HTML report."""
