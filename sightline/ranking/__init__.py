"""Ranking of running styles: crops of the people in a photo, and scores of their lower bodies.

ranker = load_ranker(Registry(locate("models")), "running-style")
with Preparer() as preparer:
    prepared = preparer.prepare(rgb, PrepareParameters())
print(ranker.scores([person.lower_body for person in prepared.people if person.lower_body is not None]))

Serving needs no torch; training does.
"""

from sightline.ranking.batch import Ranked, rank_photos
from sightline.ranking.bonus import with_bonus
from sightline.ranking.model import TASK, Ranker, load_ranker, ranking_record
from sightline.ranking.photos import PHOTOS, RankedPhoto, read_photos
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
from sightline.ranking.records import RankedPerson
from sightline.ranking.rendering import best_rows, ranking_summary
from sightline.ranking.results import SHEET, RankingSummary
from sightline.ranking.runs import FinishedRanking, RankingRun
from sightline.ranking.sheet import contact_sheet
from sightline.ranking.similar import fingerprint_of, similar_groups

__all__ = [
    "PHOTOS",
    "SHEET",
    "TASK",
    "DropReason",
    "DroppedPerson",
    "FinishedRanking",
    "PrepareParameters",
    "Prepared",
    "PreparedPerson",
    "Preparer",
    "Ranked",
    "RankedPerson",
    "RankedPhoto",
    "Ranker",
    "RankingRun",
    "RankingSummary",
    "best_rows",
    "contact_sheet",
    "fingerprint_of",
    "load_ranker",
    "model_input",
    "prepare_person",
    "rank_photos",
    "ranking_record",
    "ranking_summary",
    "read_photos",
    "sharpness_of",
    "similar_groups",
    "with_bonus",
]
