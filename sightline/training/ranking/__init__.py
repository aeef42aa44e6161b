"""Train the running-style ranking on photos labelled good and bad: stages, evaluation, publishing."""

from sightline.training.ranking.dataset import LABELS, SPLITS, LabelledPhoto, RankingData, open_ranking_data
from sightline.training.ranking.evaluate import RankingMetrics
from sightline.training.ranking.export import ExportFailed
from sightline.training.ranking.graph import STAGES, RankingTraining, ranking_graph, stages_root
from sightline.training.ranking.parameters import RankingBackbone, RankingParameters
from sightline.training.ranking.publishing import dropped_by_reason, parameters_of, promote_ranker, publish_ranker
from sightline.training.ranking.rendering import model_page
from sightline.training.ranking.synthetic import Runner, draw_runners, lower_body_of, random_runner, write_runners
from sightline.training.ranking.two_folders import open_two_folders

__all__ = [
    "LABELS",
    "SPLITS",
    "STAGES",
    "ExportFailed",
    "LabelledPhoto",
    "RankingBackbone",
    "RankingData",
    "RankingMetrics",
    "RankingParameters",
    "RankingTraining",
    "Runner",
    "draw_runners",
    "dropped_by_reason",
    "lower_body_of",
    "model_page",
    "open_ranking_data",
    "open_two_folders",
    "parameters_of",
    "promote_ranker",
    "publish_ranker",
    "random_runner",
    "ranking_graph",
    "stages_root",
    "write_runners",
]
