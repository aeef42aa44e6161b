"""The queue of questions about uncertain predictions, people's answers, and their use as training data.

reviews = Reviews(locate("s3://reviews"))
reviews.queue(questions_of_results(locate("s3://results/vehicles-3/0123456789ab")).questions)
print(by_model(reviews.answered("vehicles")))
"""

from sightline.reviews.agreement import Agreement, ClassAgreement, agreement, answer_rows, by_model
from sightline.reviews.answers_file import AnswersFile, read_answers
from sightline.reviews.export import Exported, ExportRow, export_images, read_image
from sightline.reviews.gather import QuestionSet, questions_of_model, questions_of_results
from sightline.reviews.identities import answered_identity, person_question
from sightline.reviews.learning import emotion_of, provenance, relabelled, with_reviews
from sightline.reviews.naming import SOMEONE_ELSES, THEIRS, name_questions
from sightline.reviews.pages import Page, ReviewPlan, in_order, pages_of
from sightline.reviews.records import CANNOT_TELL, LATER, NONE_OF_THESE, Answer, Question, Reviewed, Waiting
from sightline.reviews.rendering import agreement_rows, overdue_alert, unknown_patient_alert, waiting_note
from sightline.reviews.sessions import (
    apply_answers,
    count_unknown,
    count_waiting_sessions,
    questions_of_patient,
    questions_of_session,
    queue_markers,
    queue_unknown,
    store_prediction,
    withdraw_questions,
)
from sightline.reviews.store import Reviews
from sightline.reviews.thresholds import Share, ThresholdReport, ThresholdRow, threshold_report
from sightline.reviews.thumbnails import data_url, picture, thumbnail

__all__ = [
    "CANNOT_TELL",
    "LATER",
    "NONE_OF_THESE",
    "SOMEONE_ELSES",
    "THEIRS",
    "Agreement",
    "Answer",
    "AnswersFile",
    "ClassAgreement",
    "ExportRow",
    "Exported",
    "Page",
    "Question",
    "QuestionSet",
    "ReviewPlan",
    "Reviewed",
    "Reviews",
    "Share",
    "ThresholdReport",
    "ThresholdRow",
    "Waiting",
    "agreement",
    "agreement_rows",
    "answer_rows",
    "answered_identity",
    "apply_answers",
    "by_model",
    "count_unknown",
    "count_waiting_sessions",
    "data_url",
    "emotion_of",
    "export_images",
    "in_order",
    "name_questions",
    "overdue_alert",
    "pages_of",
    "person_question",
    "picture",
    "provenance",
    "questions_of_model",
    "questions_of_patient",
    "questions_of_results",
    "questions_of_session",
    "queue_markers",
    "queue_unknown",
    "read_answers",
    "read_image",
    "relabelled",
    "store_prediction",
    "threshold_report",
    "thumbnail",
    "unknown_patient_alert",
    "waiting_note",
    "with_reviews",
    "withdraw_questions",
]
