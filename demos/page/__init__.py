"""The page: one tab a file; handlers ask the engine and draw, they never compute."""
