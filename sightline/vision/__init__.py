"""Images: sources, decoding, classification, and the records of runs.

classifier = load_classifier(Registry(locate("models")), "vehicles")
pixels = decode(Path("bike.png").read_bytes(), classifier.input, Limits()).pixels
print(dict(zip(classifier.classes, classifier.predict(pixels[None])[0])))
"""

from sightline.runs import RESULTS, TABLE
from sightline.vision.answer_reader import read_answer
from sightline.vision.answers import Answer, InvalidAnswer
from sightline.vision.backbones import BACKBONES, WeightsUnavailable, create_backbone
from sightline.vision.backends import BackendUnavailable, supported_backends
from sightline.vision.chunks import SerializedChunk, SerializedImage, serialize_chunk
from sightline.vision.classifier import TASK, Examination, ImageClassifier, load_classifier
from sightline.vision.decode import Decoded, decode
from sightline.vision.endpoint import EndpointClassifier, InvalidResponse
from sightline.vision.familiarity import FAMILIARITY, Familiarity, FamiliarityFigures, familiarity_figures, is_checked
from sightline.vision.fetch import fetch
from sightline.vision.formats import SUFFIXES
from sightline.vision.limits import Limits
from sightline.vision.payload_samples import make_payloads
from sightline.vision.predictions import ImagePrediction, classify_chunk, record_of
from sightline.vision.reasons import TRANSIENT, Reason, Rejected
from sightline.vision.records import (
    OUT_OF_DISTRIBUTION,
    THRESHOLD_NOT_MET,
    UNCERTAIN,
    ImageRecord,
    Judgement,
    Outcome,
    judge,
    judge_image,
)
from sightline.vision.refs import ImageRef
from sightline.vision.rendering import classification_alert, classification_summary, least_certain_rows
from sightline.vision.results import REVIEW, Counts, Summary, read_records
from sightline.vision.runs import ClassificationRun, FinishedClassification, finished_runs, run_key
from sightline.vision.sources import Listing, Source, expand, list_source
from sightline.vision.weights import load_weights, save_classifier

__all__ = [
    "BACKBONES",
    "FAMILIARITY",
    "OUT_OF_DISTRIBUTION",
    "RESULTS",
    "REVIEW",
    "SUFFIXES",
    "TABLE",
    "TASK",
    "THRESHOLD_NOT_MET",
    "TRANSIENT",
    "UNCERTAIN",
    "Answer",
    "BackendUnavailable",
    "ClassificationRun",
    "Counts",
    "Decoded",
    "EndpointClassifier",
    "Examination",
    "Familiarity",
    "FamiliarityFigures",
    "FinishedClassification",
    "ImageClassifier",
    "ImagePrediction",
    "ImageRecord",
    "ImageRef",
    "InvalidAnswer",
    "InvalidResponse",
    "Judgement",
    "Limits",
    "Listing",
    "Outcome",
    "Reason",
    "Rejected",
    "SerializedChunk",
    "SerializedImage",
    "Source",
    "Summary",
    "WeightsUnavailable",
    "classification_alert",
    "classification_summary",
    "classify_chunk",
    "create_backbone",
    "decode",
    "expand",
    "familiarity_figures",
    "fetch",
    "finished_runs",
    "is_checked",
    "judge",
    "judge_image",
    "least_certain_rows",
    "list_source",
    "load_classifier",
    "load_weights",
    "make_payloads",
    "read_answer",
    "read_records",
    "record_of",
    "run_key",
    "save_classifier",
    "serialize_chunk",
    "supported_backends",
]
