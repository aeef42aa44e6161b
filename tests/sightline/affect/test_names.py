"""A patient may be called anything that a folder may be; a model may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.affect import model_of
from sightline.errors import InvalidName
from sightline.registry.names import is_name
from sightline.sessions import check_patient

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)


def _is_patient(name: str) -> bool:
    try:
        return check_patient(name) == name
    except InvalidName:
        return False


PATIENTS = _TEXT.filter(_is_patient)


@pytest.mark.parametrize("patient", ["ana", "ward-3", "bed_12"])
def test_a_patients_own_name_is_kept_where_a_model_can_be_called_so(patient: str) -> None:
    assert model_of(patient) == patient


@given(PATIENTS)
def test_every_patient_has_a_name_that_a_model_can_have(patient: str) -> None:
    assert is_name(model_of(patient))


@given(PATIENTS, PATIENTS)
def test_no_two_patients_share_a_model(one: str, other: str) -> None:
    assert (model_of(one) == model_of(other)) == (one == other)


def test_names_that_look_alike_without_their_accents_are_told_apart() -> None:
    assert model_of("José M.").startswith("jose-m-")
    assert model_of("José M.") != model_of("Jose M.")


def test_both_spellings_of_one_name_in_unicode_are_one_patient() -> None:
    assert model_of("Jos\u00e9") == model_of("Jose\u0301")
    with pytest.raises(InvalidName, match="starts with a dot"):
        model_of(".ana")
