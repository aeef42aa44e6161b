"""Whether a keyword is said to be so: not taken back, not asked, not only thought of."""

from __future__ import annotations

from sightline.emotion.clauses import is_clause_start, is_inverting, link_before, skip_degree, verb_start
from sightline.emotion.english import english
from sightline.emotion.reading import Hit, Marker, Reading
from sightline.emotion.scope import REACH, governing
from sightline.emotion.subjects import skip_adverbs
from sightline.emotion.tokens import BREAK

_TAG_WORDS = 4


def asserted_hits(reading: Reading, openings: frozenset[int]) -> list[Hit]:
    """The keywords of a sentence that are said to be so."""
    question = _question_start(reading, openings)
    return [
        hit
        for hit in reading.hits
        if not (
            is_negated(reading, openings, hit)
            or is_supposed(reading, openings, hit)
            or hit.start >= question
            or is_inverted(reading, openings, hit)
        )
    ]


def is_negated(reading: Reading, openings: frozenset[int], hit: Hit) -> bool:
    """Whether a word of negation governs ``hit``: "isn't happy", "never looks happy", "I don't think he is happy"."""
    return any(
        not _is_superlative(reading, marker, hit) for marker in governing(reading, openings, reading.negations, hit)
    )


def is_supposed(reading: Reading, openings: frozenset[int], hit: Hit) -> bool:
    """Whether ``hit`` is only thought of: "if he is happy", "he would be happy", "wants to be happy", "stay calm"."""
    if any(governing(reading, openings, reading.suppositions, hit)):
        return True
    verb = link_before(reading, hit)
    if verb is None:
        return False
    return verb_start(reading, verb) is None or _is_command(reading, verb)


def _is_superlative(reading: Reading, marker: Marker, hit: Hit) -> bool:
    """Whether the negation says how much: "I've never seen him so happy"."""
    return reading.word(marker.start) == "never" and reading.word(hit.start - 1) in ("so", "this", "more")


def _is_command(reading: Reading, verb: int) -> bool:
    if reading.word(verb) not in ("be", "stay", "keep", "remain", "get"):
        return False
    start = skip_adverbs(reading, verb - 1) + 1
    # What "and" joins may share a subject: "he can sit and stay calm".
    return is_clause_start(reading, start) and reading.word(start - 1) not in ("and", "or")


def is_inverted(reading: Reading, openings: frozenset[int], hit: Hit) -> bool:
    """Whether a verb stands before its subject ahead of ``hit``: "is John sad", "why does she look so sad"."""
    e = english()
    subject = skip_adverbs(reading, hit.start - 1)
    if reading.word(subject) in e.pronouns and reading.word(subject - 1) in e.auxiliaries:
        # "Not only is he happy" asks nothing.
        return subject - 2 not in reading.affirmed_places
    for place in range(hit.start - 1, max(hit.start - REACH, 0) - 1, -1):
        word = reading.word(place)
        if word == BREAK or place in openings:
            return False
        if word in e.auxiliaries and is_inverting(reading, place) and not reading.is_name_after_all(place):
            subject = place + 2 if reading.word(place + 1) == "not" else place + 1
            if subject < hit.start and _may_follow_verb(reading, subject, hit):
                # "And is a good boy" shares the subject before it; "and is he a good boy" has its own.
                shares = reading.word(place - 1) in e.coordinators
                return not shares or reading.word(subject) in e.pronouns or reading.is_capital(subject)
    return False


def _may_follow_verb(reading: Reading, place: int, hit: Hit) -> bool:
    e = english()
    word = reading.word(place)
    if word in e.pronouns | e.indefinite or word in ("it", "this", "that", "these", "those"):
        return True
    if word in e.determiners:
        return skip_degree(reading, place + 1) < hit.start
    verbal = word in reading.lexicon.linking or (word.endswith(("ing", "ly")) and not reading.is_capital(place))
    return not (verbal or word in e.function_words or place in reading.keyword_places)


def _question_start(reading: Reading, openings: frozenset[int]) -> int:
    """Where the last clause begins, which is the one that a question mark asks; the sentence's end where none does.

    A tag asks nothing: "he is happy, isn't he?".
    """
    e = english()
    if not reading.sentence.asks or _ends_with_tag(reading):
        return len(reading.words)
    for place in range(len(reading.words) - 2, 0, -1):
        word, following = reading.word(place), reading.word(place + 1)
        asks = following in e.auxiliaries or following in e.question_words
        if (word in (BREAK, "but") and (asks or place + 1 in openings)) or (word in ("and", "so", "or") and asks):
            return place
    return 0


def _ends_with_tag(reading: Reading) -> bool:
    e = english()
    words = reading.words
    for length in range(1, min(_TAG_WORDS, len(words) - 2) + 1):
        tag = words[-length:]
        parted = words[-length - 1] == BREAK
        asks = tag[0] in e.auxiliaries and {*tag[1:]} <= e.pronouns | {"not", "it", "that", "there"} and length > 1
        if (parted and (asks or e.question_tags.issuperset(tag))) or (asks and "not" in tag and length > 2):
            return True
    return False
