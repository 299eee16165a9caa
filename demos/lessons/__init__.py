"""The lessons: one file each in a folder for each topic, in the order they are read."""

TOPICS = ("article", "in_place", "no_gradient", "training", "modes", "freezing", "copying")
