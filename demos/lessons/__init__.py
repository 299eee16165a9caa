"""The lessons: one file each in a folder for each topic, in the order they are read."""

from demos.lessons import article, copying, freezing, in_place, modes, no_gradient, training

TOPICS: dict[str, tuple[str, ...]] = {
    "article": article.LESSONS,
    "in_place": in_place.LESSONS,
    "no_gradient": no_gradient.LESSONS,
    "training": training.LESSONS,
    "modes": modes.LESSONS,
    "freezing": freezing.LESSONS,
    "copying": copying.LESSONS,
}

LESSONS = tuple(name for names in TOPICS.values() for name in names)
