"""Records, errors, units and words that every other package uses. No torch, no pandas."""
