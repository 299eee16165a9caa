"""The plain records that cross every border, and what all rooms say: errors, units, words."""
