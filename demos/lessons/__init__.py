"""The lessons: a file for each, in a folder for each topic, in display order."""

TOPICS = ("article", "in_place", "no_gradient", "training", "modes", "freezing", "copying")
