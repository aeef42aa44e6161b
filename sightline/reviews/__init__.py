"""The queue of questions about uncertain predictions, people's answers, and their use as training data.

reviews = Reviews(locate("s3://reviews"))
reviews.queue(questions_of_results(locate("s3://results/vehicles-3/0123456789ab")).questions)
print(by_model(reviews.answered("vehicles")))
"""

from sightline.reviews.agreement import Agreement, ClassAgreement, agreement, answer_rows, by_model
from sightline.reviews.answers_file import AnswersFile, read_answers
from sightline.reviews.export import Exported, ExportRow, export_images, read_image
from sightline.reviews.gather import QuestionSet, questions_of_model, questions_of_results
from sightline.reviews.learning import provenance, relabelled, with_reviews
from sightline.reviews.pages import Page, ReviewPlan, in_order, pages_of
from sightline.reviews.records import CANNOT_TELL, LATER, NONE_OF_THESE, Answer, Question, Reviewed, Waiting
from sightline.reviews.rendering import agreement_rows, overdue_alert
from sightline.reviews.sessions import (
    count_waiting_sessions,
    questions_of_patient,
    queue_markers,
    store_prediction,
)
from sightline.reviews.store import Reviews
from sightline.reviews.thumbnails import data_url, thumbnail

__all__ = [
    "CANNOT_TELL",
    "LATER",
    "NONE_OF_THESE",
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
    "Waiting",
    "agreement",
    "agreement_rows",
    "answer_rows",
    "by_model",
    "count_waiting_sessions",
    "data_url",
    "export_images",
    "in_order",
    "overdue_alert",
    "pages_of",
    "provenance",
    "questions_of_model",
    "questions_of_patient",
    "questions_of_results",
    "queue_markers",
    "read_answers",
    "read_image",
    "relabelled",
    "store_prediction",
    "thumbnail",
    "with_reviews",
]
