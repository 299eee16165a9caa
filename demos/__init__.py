"""What is run, and how a visitor meets it: lessons, workloads, the words, the tabs."""
