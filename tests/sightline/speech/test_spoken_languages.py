from collections.abc import Mapping

import numpy as np

from sightline.speech import SAMPLE_RATE
from sightline.speech.languages import language_code, language_names
from sightline.speech.spoken_languages import SpokenLanguages
from sightline.speech.windows import SpeechPart

Shares = Mapping[str, float]


def part(start: float, duration: float = 3.0) -> SpeechPart:
    return SpeechPart(start, np.zeros(round(duration * SAMPLE_RATE), np.float32), (0.0, duration))


def decide(languages: SpokenLanguages, *heard: Shares, alone: Shares | None = None, short: int = -1) -> list[str]:
    parts = [part(10 * index, 0.5 if index == short else 3.0) for index in range(len(heard))]
    return languages.decide(parts, heard, lambda asked: alone or heard[parts.index(asked)])


ENGLISH = {"en": 0.9, "de": 0.05, "es": 0.05}
GERMAN = {"en": 0.1, "de": 0.8, "es": 0.1}
NEITHER = {"en": 0.2, "de": 0.35, "es": 0.45}


def test_table_has_the_languages_of_whisper() -> None:
    from whisper.tokenizer import LANGUAGES, TO_LANGUAGE_CODE

    assert {code: names[0] for code, names in language_names().items()} == LANGUAGES
    assert all(language_code(name) == code for name, code in TO_LANGUAGE_CODE.items())
    assert all(language_code(code.upper()) == code for code in LANGUAGES)


def test_each_part_has_its_own_certain_language() -> None:
    languages = SpokenLanguages()
    assert decide(languages, ENGLISH, GERMAN, ENGLISH) == ["en", "de", "en"]
    assert languages.warnings() == ()


def test_another_language_is_confirmed_by_the_part_alone() -> None:
    assert decide(SpokenLanguages(), ENGLISH, ENGLISH, GERMAN, alone=ENGLISH) == ["en", "en", "en"]


def test_uncertain_part_follows_its_surroundings_with_a_warning() -> None:
    languages = SpokenLanguages()
    assert decide(languages, ENGLISH, ENGLISH, GERMAN, NEITHER) == ["en", "en", "de", "de"]
    (warning,) = languages.warnings()
    assert "3 s of speech is not certain, first at 30.0 s; german was assumed" in warning
    assert "--language" in warning


def test_short_part_has_the_language_around_it_without_a_warning() -> None:
    languages = SpokenLanguages()
    assert decide(languages, ENGLISH, GERMAN, ENGLISH, short=1) == ["en", "en", "en"]
    assert languages.warnings() == ()


def test_earlier_speech_counts_for_the_main_language() -> None:
    languages = SpokenLanguages()
    assert decide(languages, *[GERMAN] * 4) == ["de"] * 4
    assert decide(languages, NEITHER, {"en": 0.45, "de": 0.4, "es": 0.15}) == ["de", "de"]
