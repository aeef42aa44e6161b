"""Whether the subject of a verb is doubtful in a text without punctuation."""

from __future__ import annotations

from sightline.emotion.english import english
from sightline.emotion.first_names import is_common_word
from sightline.emotion.referents import ReferentRole
from sightline.emotion.subjects import Subject
from sightline.emotion.tagging import TaggedSentence


def has_doubtful_subject(tagged: TaggedSentence, role: ReferentRole) -> bool:
    """Return whether the verb of a text without punctuation may have another subject.

    "Ben is here Anna hugs him and is happy" names Ben before "and". Only the words right before a verb are certain.
    """
    subject = role.subject
    if subject is None or tagged.sentence.has_end_mark or not role.is_statement:
        return False
    verb = subject.end
    while tagged.word(verb) in english().adverbs | {"who", "not"} or tagged.word(verb).endswith("ly"):
        verb += 1
    is_verb = tagged.word(verb).endswith("ing") or (verb < len(tagged.words) and tagged.is_finite(verb))
    return not (is_verb and (subject.clause <= subject.start or not _is_apart(tagged, subject, verb)))


def _is_apart(tagged: TaggedSentence, subject: Subject, verb: int) -> bool:
    """Return whether other people stand between the subject and the "and" of a shared predicate."""
    e = english()
    return any(
        tagged.is_capitalised(index)
        or tagged.word(index) in e.pronouns | e.person_nouns | e.object_pronouns
        or not (is_common_word(tagged.word(index)) or tagged.word(index) in e.function_words)
        for index in range(verb, subject.clause)
    )
