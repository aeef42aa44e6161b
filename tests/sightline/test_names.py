"""Names are parsed once: every spelling gives one typed name, and no two names share a location."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sightline.errors import InvalidInput, InvalidModelName, InvalidName
from sightline.names import ENDPOINT, ModelName, PatientName, SessionName

MODELS = st.from_regex(r"[a-z0-9]+([_-][a-z0-9]+){0,3}", fullmatch=True)
VERSIONS = st.integers(1, 999_999_999)
UNVERSIONED = st.builds(ModelName, MODELS)
VERSIONED = st.builds(ModelName, MODELS, VERSIONS)
ENDPOINTS = st.from_regex(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,20}", fullmatch=True).map(
    lambda name: ModelName(name, is_endpoint=True)
)
NAMES = UNVERSIONED | VERSIONED | ENDPOINTS

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)


def _parses(parse: type[PatientName] | type[SessionName], text: str) -> bool:
    try:
        parse.parse(text)
    except InvalidName:
        return False
    return True


PATIENTS = _TEXT.filter(lambda text: _parses(PatientName, text)).map(PatientName.parse)
SESSIONS = st.builds(SessionName, PATIENTS, _TEXT.filter(lambda text: _parses(SessionName, f"ana/{text}")))


class TestModelName:
    @given(NAMES)
    def test_label_is_parsed_to_same_name(self, name: ModelName) -> None:
        assert ModelName.parse(name.label) == name
        assert str(name) == name.label

    @given(NAMES, NAMES)
    def test_distinct_names_share_no_label_and_no_resource_id(self, one: ModelName, other: ModelName) -> None:
        assert (one.label == other.label) == (one == other)
        assert (one.resource_id == other.resource_id) == (one == other)

    @given(NAMES, NAMES)
    def test_review_folder_is_shared_by_versions_of_one_model_only(self, one: ModelName, other: ModelName) -> None:
        assert (one.review_folder == other.review_folder) == (one.unversioned == other.unversioned)

    @given(NAMES, NAMES)
    def test_distinct_names_share_no_run_folder(self, one: ModelName, other: ModelName) -> None:
        assert (one.folder == other.folder) == (one == other)

    @given(MODELS, VERSIONS)
    def test_names_that_shared_a_folder_in_version_0_1_do_not(self, name: str, version: int) -> None:
        shared = [
            ModelName(name, version),
            ModelName(f"{name}-{version}"),
            ModelName(f"{name}-{version}".replace("_", "-")[:63].strip("-"), is_endpoint=True),
            ModelName(name),
            ModelName(name.replace("_", "-")[:63].strip("-"), is_endpoint=True),
        ]
        shared = list(dict.fromkeys(shared))  # the names of endpoints are cut
        assert len({entry.folder for entry in shared}) == len(shared)
        for entry in shared:
            assert entry.has_folder(entry.earlier_folder)
            assert [other for other in shared if entry.covers(other.label)] == (
                [shared[0], shared[3]] if entry == shared[3] else [entry]
            )

    @given(MODELS, VERSIONS)
    def test_version_is_added_and_removed(self, name: str, version: int) -> None:
        assert ModelName(name).with_version(version) == ModelName.parse(f"{name}/{version}")
        assert ModelName(name, version).unversioned == ModelName(name)

    @pytest.mark.parametrize(
        ("text", "name", "version", "folder", "review_folder", "resource_id", "capture"),
        [
            ("posture", "posture", None, "posture", "posture", "sightline.model.posture", None),
            ("posture/3", "posture", 3, "posture@3", "posture", "sightline.model.posture.3", ("posture", "v3")),
            (
                "endpoint://Scones-1", "Scones-1", None, "endpoint.Scones-1", "endpoint.Scones-1",
                "sightline.model.endpoint://Scones-1", ("Scones-1", "AllTraffic"),
            ),
        ],
    )  # fmt: skip
    def test_stored_spellings_do_not_change(
        self,
        text: str,
        name: str,
        version: int | None,
        folder: str,
        review_folder: str,
        resource_id: str,
        capture: tuple[str, str] | None,
    ) -> None:
        parsed = ModelName.parse(text)
        assert (parsed.name, parsed.version, parsed.label) == (name, version, text)
        assert (parsed.folder, parsed.review_folder, parsed.resource_id) == (folder, review_folder, resource_id)
        assert parsed.is_endpoint == text.startswith(ENDPOINT)
        if capture:
            assert (parsed.capture_endpoint, parsed.capture_variant) == capture
        else:
            with pytest.raises(ValueError, match="has no version"):
                _ = parsed.capture_variant

    def test_unversioned_model_has_folders_of_its_versions(self) -> None:
        model = ModelName("posture")
        assert all(map(model.has_folder, ("posture", "posture@3", "posture@12", "posture-3", "posture-12")))
        others = (
            "posture@x",
            "posture@3@1",
            "posture@",
            "other@3",
            "posture@0",
            "posture-x",
            "posture-3-1",
            "posture-",
            "postur",
            "other-3",
            "posture-0",
        )
        assert not any(map(model.has_folder, others))
        assert not ModelName("posture", 3).has_folder("posture-4")
        assert not ModelName("posture", 3).has_folder("posture@4")
        assert not ModelName.parse("endpoint://posture").has_folder("posture-3")

    @pytest.mark.parametrize(
        "text",
        [
            "", "Posture", "../posture", "..", "a b", "posture\n", "-a", "a--b", "posture/1/2", "é",
            "posture/", "posture/0", "posture/01", "posture/-1", "posture/x", "posture/٣",
            "endpoint://", "endpoint://a/b", "endpoint://..",
            "endpoint://-a", "endpoint://a_b",
            f"endpoint://{'x' * 64}", "Endpoint://a",
        ],
    )  # fmt: skip
    def test_name_of_no_model_is_rejected(self, text: str) -> None:
        with pytest.raises(InvalidModelName):
            ModelName.parse(text)

    @pytest.mark.parametrize("version", [0, -1, 1_000_000_000])
    def test_number_of_no_version_is_rejected(self, version: int) -> None:
        with pytest.raises(InvalidModelName, match="as in posture/3"):
            ModelName("posture", version)

    def test_version_in_name_and_argument_must_be_equal(self) -> None:
        expected = ModelName("posture", 3)
        for spelling in (("posture/3", None), ("posture", 3), ("posture/3", 3), (expected, None), (expected, 3)):
            assert ModelName.of(*spelling) == expected
        with pytest.raises(InvalidModelName, match="posture/3: names another version than 2"):
            ModelName.of("posture/3", 2)

    def test_endpoint_with_version_is_rejected(self) -> None:
        with pytest.raises(InvalidModelName, match="is not an endpoint"):
            ModelName.of("endpoint://scones", 3)


class TestPatientName:
    @given(PATIENTS)
    def test_text_is_parsed_to_same_name(self, patient: PatientName) -> None:
        assert PatientName.parse(patient.text) == PatientName.of(patient) == patient
        assert unicodedata.is_normalized("NFC", patient.text)

    @pytest.mark.parametrize(
        "name", ["ana", "José Ñ", "patient-007", "王小明", "a.b", "x" * 100, "Model", "annotated-2"]
    )
    def test_name_in_any_script_is_accepted(self, name: str) -> None:
        assert PatientName.parse(name).text == name

    def test_both_unicode_forms_of_a_name_are_one_patient(self) -> None:
        decomposed = unicodedata.normalize("NFD", "José")
        assert decomposed != "José"
        assert PatientName.parse(decomposed).text == "José"

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("", "empty"),
            (".", "dot"),
            ("..", "dot"),
            (".hidden", "dot"),
            ("a/b", "slash"),
            ("a\\b", "slash"),
            ("a\nb", "control"),
            ("a\x00", "control"),
            ("a\u2028b", "line end"),
            ("\ud800", "control"),
            (" ana", "space"),
            ("ana ", "space"),
            ("annotated", "results"),
            ("Annotated", "results"),
            ("models", "results"),
            ("x" * 101, "longer"),
            ("王" * 100, "longer"),
        ],
    )
    def test_name_that_cannot_be_part_of_a_key_is_rejected(self, name: str, reason: str) -> None:
        with pytest.raises(InvalidName, match=reason) as caught:
            PatientName.parse(name)
        assert "--patient" in caught.value.fix
        str(caught.value).encode()  # it can be printed, whatever the name


class TestModelOfPatient:
    @pytest.mark.parametrize("patient", ["ana", "ward-3", "bed_12"])
    def test_valid_model_name_of_patient_is_part_of_it(self, patient: str) -> None:
        model = PatientName.parse(patient).model
        assert (model.name, model.earlier) == (f"patient--{patient}", ModelName(patient))

    @given(PATIENTS, MODELS)
    @example(PatientName("posture"), "posture")
    @example(PatientName("vehicles"), "vehicles")
    @example(PatientName("running-style"), "running-style")
    def test_no_patient_shares_a_model_with_another_kind(self, patient: PatientName, name: str) -> None:
        assert patient.model != ModelName(name)
        assert patient.model.is_of_patient
        assert not ModelName(name).is_of_patient
        assert ModelName(name).earlier is None

    @pytest.mark.parametrize(
        "patient", ["jose-m-5e522ef0", "patient--ana", "patient--jose-m--5e522ef0aabbccdd", "jose-m--5e522ef0aabbccdd"]
    )
    def test_patient_named_like_a_model_of_a_patient_has_another_model(self, patient: str) -> None:
        others = [PatientName.parse(name).model for name in ("José M.", "ana")]
        assert PatientName.parse(patient).model not in others

    @given(PATIENTS)
    def test_every_patient_has_a_model_without_a_version(self, patient: PatientName) -> None:
        assert ModelName.is_valid(patient.model.name)
        assert patient.model == ModelName(patient.model.name)

    @given(PATIENTS, PATIENTS)
    def test_two_patients_share_no_model(self, one: PatientName, other: PatientName) -> None:
        assert (one.model == other.model) == (one == other)

    def test_names_that_differ_in_accents_have_different_models(self) -> None:
        assert PatientName.parse("José M.").model.name.startswith("patient--jose-m--5e522ef0")
        assert PatientName.parse("José M.").model.earlier == ModelName("jose-m-5e522ef0")
        assert PatientName.parse("José M.").model != PatientName.parse("Jose M.").model

    def test_both_unicode_spellings_have_one_model(self) -> None:
        assert PatientName.parse("Jos\u00e9").model == PatientName.parse("Jose\u0301").model
        with pytest.raises(InvalidName, match="starts with a dot"):
            _ = PatientName.parse(".ana").model


class TestSessionName:
    @given(SESSIONS)
    def test_label_is_parsed_to_same_name(self, name: SessionName) -> None:
        assert SessionName.parse(name.label) == name
        assert str(name) == name.label

    @given(SESSIONS, SESSIONS)
    def test_distinct_sessions_share_no_label(self, one: SessionName, other: SessionName) -> None:
        assert (one.label == other.label) == (one == other)

    @pytest.mark.parametrize(
        "text", ["ana", "ana/", "/clip", "ana/../clip", "ana/a/b", "ana/.", "ana/ clip", "../clip"]
    )
    def test_text_that_is_not_patient_and_session_is_rejected(self, text: str) -> None:
        with pytest.raises(InvalidInput, match="so it cannot be"):
            SessionName.parse(text)

    @pytest.mark.parametrize(
        ("stem", "session"),
        [
            ("clip one", "clip one"),
            (".hidden", "hidden"),
            (" .. clip ", "clip"),
            (". .clip", "clip"),
            ("a\\b\nc", "a_b_c"),
            ("José", "José"),
            ("王" * 100, "王" * 50),
        ],
    )
    def test_session_has_the_stem_of_its_video(self, stem: str, session: str) -> None:
        assert SessionName.from_stem(PatientName("ana"), stem).session == session

    @pytest.mark.parametrize("stem", ["", ".", "..", " . ", ". ."])
    def test_stem_without_usable_characters_is_rejected(self, stem: str) -> None:
        with pytest.raises(InvalidName, match="Rename"):
            SessionName.from_stem(PatientName("ana"), stem)

    @given(st.text(min_size=1))
    def test_files_of_a_session_can_be_written_whatever_the_stem(self, stem: str) -> None:
        patient = PatientName("ana")
        try:
            name = SessionName.from_stem(patient, stem)
        except InvalidName:
            return
        session = name.session
        assert name == SessionName.from_stem(patient, session) == SessionName.parse(name.label)
        assert Path(session).name == session
        assert session not in (".", "..")
        assert len(f"{session}-{'0' * 64}_track.parquet".encode()) <= 255
        assert not any(unicodedata.category(character) == "Cc" for character in session)
