"""The content (lessons, workloads, words, recorded runs) and the page that shows it."""
