"""Erasing a patient: a command, which leaves no run behind, and a flow for deployments, which hides its parameters."""

from __future__ import annotations

import sys
from uuid import UUID

from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run
from pydantic import SecretStr

from flows.erasing import erase
from sightline.erasure import Erasure, Traces
from sightline.errors import FailedWithResult, InvalidInput, SightlineError
from sightline.names import PatientName
from tasks.erasure_runs import hide_parameters
from tasks.support.flow import sightline_flow

__all__ = ["erase_patient", "erase_patient_flow"]

_INCOMPLETE = "not everything was erased. Correct what the report names, and run it again"


def erase_patient(name: str, *, yes: bool = False, even_if_running: bool = False) -> Erasure:
    """Erase everything that is stored about a patient, and report what was erased and what could not be.

    That is: videos, annotated copies, frames, poses, tracks, transcripts, names, models, questions and answers, alerts
    that wait, captures, records of uploads, and the runs, logs, artifacts and cached results of Prefect. On S3 every
    version is erased. It can be interrupted and run again.

    Args:
        name: The patient's name.
        yes: Do not ask for a confirmation.
        even_if_running: Erase although a run of the patient seems to be in progress, such as one that was killed.
    """
    patient = PatientName.parse(name)
    if not yes:
        _confirm(patient)
    report = erase(patient, even_if_running=even_if_running)
    if not report.complete:
        raise FailedWithResult(_INCOMPLETE, report)
    return report


@sightline_flow(name="erase-patient", flow_run_name="erase a patient")
def erase_patient_flow(name: SecretStr, name_again: SecretStr, even_if_running: bool = False) -> Erasure:
    """Erase everything that is stored about a patient, and report what was erased and what could not be.

    The run's own parameters are hidden at its end; nothing else of it names the patient.

    Args:
        name: The patient's name.
        name_again: The patient's name again, as a confirmation.
        even_if_running: Erase although a run of the patient seems to be in progress, such as one that was killed.
    """
    run = UUID(str(flow_run.id))
    if name.get_secret_value() != name_again.get_secret_value():
        hide_parameters(run)
        raise InvalidInput("erase-patient", "the two names differ", "Give the same name twice")
    patient = PatientName.parse(name.get_secret_value())
    traces = Traces(patient)
    try:
        report = erase(
            patient, even_if_running=even_if_running, own_run=run, before_last=lambda: hide_parameters(run)
        ).masked(traces)
    except Exception as error:
        # The run's state and log are stored: neither may name the patient.
        hide_parameters(run)
        kind = "" if isinstance(error, SightlineError) else f"{type(error).__name__}: "
        raise SightlineError(f"{kind}{traces.masked(str(error))}") from None
    create_markdown_artifact(f"```\n{report}\n```", key="erasure", description="erase a patient")
    if not report.complete:
        raise FailedWithResult(_INCOMPLETE, report)
    return report


def _confirm(patient: PatientName) -> None:
    if not sys.stdin.isatty():
        raise SightlineError("it needs a confirmation: give --yes, or run it in a terminal")
    print(f"Everything about {patient} will be erased. Type the name again: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != patient.text:
        raise SightlineError("the name was not confirmed, so that nothing was erased")
