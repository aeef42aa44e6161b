"""What models are unsure of, asked of people, and what people answered.

reviews = Reviews(locate("s3://reviews"))
reviews.queue(questions_of_results(locate("s3://results/vehicles-3/0123456789ab")).questions)
print(by_model(reviews.answered("vehicles")))
"""

from sightline.reviews.agreement import Agreement, ClassAgreement, agreement, answer_rows, by_model
from sightline.reviews.answers_file import AnswersFile, read_answers
from sightline.reviews.export import Exported, ExportRow, export_images, read_image
from sightline.reviews.gather import Gathered, questions_of_model, questions_of_patient, questions_of_results
from sightline.reviews.learning import provenance, relabelled, with_reviews
from sightline.reviews.pages import Page, ReviewPlan, in_order, pages_of
from sightline.reviews.pictures import data_url, thumbnail
from sightline.reviews.records import CANNOT_TELL, LATER, NONE_OF_THESE, Answer, Question, Reviewed, Waiting
from sightline.reviews.rendering import agreement_rows, overdue_alert
from sightline.reviews.store import Reviews, folder_of

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
    "Gathered",
    "Page",
    "Question",
    "ReviewPlan",
    "Reviewed",
    "Reviews",
    "Waiting",
    "agreement",
    "agreement_rows",
    "answer_rows",
    "by_model",
    "data_url",
    "export_images",
    "folder_of",
    "in_order",
    "overdue_alert",
    "pages_of",
    "provenance",
    "questions_of_model",
    "questions_of_patient",
    "questions_of_results",
    "read_answers",
    "read_image",
    "relabelled",
    "thumbnail",
    "with_reviews",
]
