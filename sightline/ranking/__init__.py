"""Running style: from a photo to its people's lower bodies, and from those to scores.

ranker = load_ranker(Registry(locate("models")), "running-style")
with Preparer() as preparer:
    prepared = preparer.prepare(rgb, PrepareParameters())
print(ranker.scores([person.lower_body for person in prepared.people if person.lower_body is not None]))

It serves without torch: that is for training.
"""

from sightline.ranking.bonus import with_bonus
from sightline.ranking.model import TASK, Ranker, load_ranker
from sightline.ranking.pixels import model_input
from sightline.ranking.prepare import (
    DroppedPerson,
    DropReason,
    Prepared,
    PreparedPerson,
    PrepareParameters,
    Preparer,
    prepare_person,
    sharpness_of,
)

__all__ = [
    "TASK",
    "DropReason",
    "DroppedPerson",
    "PrepareParameters",
    "Prepared",
    "PreparedPerson",
    "Preparer",
    "Ranker",
    "load_ranker",
    "model_input",
    "prepare_person",
    "sharpness_of",
    "with_bonus",
]
