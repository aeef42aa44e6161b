"""Random German dialogues about two or three people, in which it is known whom every keyword is about.

As in ``dialogues.py``, the reference is the generator. The rules may leave a keyword out, so that a keyword is known by
its place in the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from tests.sightline.emotion.dialogues import SPEAKER, STYLES, Ambiguous, Truth

KEYWORDS = ("glücklich", "traurig", "wütend", "überrascht", "entspannt", "enttäuscht", "froh", "erschrocken")


@dataclass(frozen=True)
class Figure:
    """A person of a dialogue."""

    name: str
    pronoun: str

    @property
    def relative(self) -> str:
        return {"er": "der", "sie": "die"}[self.pronoun]

    @property
    def possessive(self) -> str:
        return {"er": "seine", "sie": "ihre"}[self.pronoun]

    @property
    def owner(self) -> str:
        return self.name + ("'" if self.name.endswith("s") else "s")


FIGURES = (
    Figure("Anna", "sie"),
    Figure("Ben", "er"),
    Figure("Mia", "sie"),
    Figure("Peter", "er"),
    Figure("Cleo", "sie"),
    Figure("Tarek", "er"),
    Figure("Noor", "sie"),
    Figure("José", "er"),
    Figure("Sara Lopez", "sie"),
    Figure("Jonas", "er"),
)


@dataclass
class GermanDialogue:
    """Sentences, and whom the keywords are about, in order; None if a keyword does not count."""

    figures: tuple[Figure, ...]
    sentences: list[str] = field(default_factory=list)
    truth: list[tuple[str, Truth | None]] = field(default_factory=list)

    def text(self, style: str) -> str:
        return STYLES[style](" ".join(self.sentences))

    def places(self, style: str) -> dict[int, Truth | None]:
        """Return the truth about the keywords by their offsets in the text."""
        text, cursor, places = self.text(style).lower(), 0, {}
        for keyword, truth in self.truth:
            cursor = text.index(keyword, cursor)
            places[cursor] = truth
            cursor += len(keyword)
        return places

    @property
    def mentioned(self) -> set[str]:
        text = " ".join(self.sentences)
        return {figure.name for figure in self.figures if figure.name in text}

    @property
    def has_relatives(self) -> bool:
        return any(word in " ".join(self.sentences) for word in ("Mutter", "Bruder", "Pflegerin"))


NAMED = (
    ("{A} ist {K}.", "A"),
    ("Heute ist {A} {K}.", "A"),
    ("Jetzt wirkt {A} sehr {K}.", "A"),
    ("{K} ist {A}.", "A"),
    ("{A} sieht heute {K} aus.", "A"),
    ("Heute sieht {A} {K} aus.", "A"),
    ("Ich glaube, dass {A} {K} ist.", "A"),
    ("Ich glaube, {A} ist {K}.", "A"),
    ("{A} war den ganzen Tag {K}.", "A"),
    ("{A} ist {K} gewesen.", "A"),
    ("Schau, wie {K} {A} ist!", "A"),
    ("{As} Mutter ist {K}.", "mother"),
    ("Die Mutter von {A} ist {K}.", "mother"),
    ("Heute ist der Bruder von {A} {K}.", "brother"),
    ("{As} {K}er Bruder ging weg.", "brother"),
    ("Die Pflegerin ist {K}.", "nurse"),
    ("{A} und {B} sind {K}.", "AB"),
    ("Heute sind {A} und {B} {K}.", "AB"),
    ("{A} macht {B} {K}.", "B"),
    ("Die Musik macht {A} {K}.", "A"),
    ("{A} sagt, {B} ist {K}.", "B"),
    ("{A} sagt, dass {B} {K} ist.", "B"),
    ("{A} hat mir gesagt, dass {B} {K} aussieht.", "B"),
    ("Ich habe {A} gesagt, dass {B} {K} ist.", "B"),
    ("{A} ist {K} und {B} ist {L}.", "A", "B"),
    ("{A} ist {K} und {B} {L}.", "A", "B"),
    ("{A} ist {K}, weil {B} {L} ist.", "A", "B"),
    ("Weil {A} {K} ist, ist {B} {L}.", "A", "B"),
    ("{A} ist nicht {K}, aber {B} ist {L}.", "", "B"),
    ("{A} ist nicht {K}, sondern {L}.", "", "A"),
    ("{A} umarmt {B} und ist {K}.", "A"),
    ("{A} umarmt {B} ganz fest und ist {K}.", "A"),
    ("{A}, {der} neben {B} sitzt, ist {K}.", "A"),
    ("{A}, {der} {B} mag, ist {K}.", "A"),
    ("{A}, {der} {K} ist, spielt mit {B}.", "A"),
    ("{B}, {A} ist {K}.", "A"),
    ("Neben {A} ist {B} {K}.", "B"),
    ("Mit {A} und {B} ist {C} {K}.", "C"),
    ("Als {A} spielte, war {B} {K}.", "B"),
    ("{A} war {K}, als {B} hereinkam.", "A"),
    ("{A} spielt mit {B}, und {A} ist {K}.", "A"),
    ("Mit {A} wirkt {B} {K}.", "B"),
    ("{As} Gesicht ist {K}.", "A"),
    ("Anders als {A} ist {B} {K}.", "B"),
    ("Es ist {A}, {der} {K} ist.", "A"),
    ("Ist {A} {K}, oder ist {B} {L}?", "", ""),
    ("Wenn {A} {K} ist, spielt {B}.", ""),
    ("{A} wäre gern {K}.", ""),
    ("{A} wird bald {K} sein.", ""),
)
WITHOUT_KEYWORD = (
    ("{A} ist hier.", "A"),
    ("{A} kam herein.", "A"),
    ("Das ist {A}.", "A"),
    ("{A} malt ein Haus.", "A"),
    ("{A} sitzt neben {B}.", "AB"),
    ("{A} gibt {B} den Ball.", "AB"),
    ("Wir haben {A} getroffen.", "A"),
    ("Jetzt spielen wir mit {A}.", "A"),
    ("{A} und {B} sind hier.", "AB"),
)
PRONOUN = ("{er} ist {K}.", "{er} sieht sehr {K} aus.", "Ich glaube, {er} ist {K}.", "Jetzt wirkt {er} {K}.")


def make_dialogue(random: Random, people: int, sentences: int) -> GermanDialogue:
    """Return a dialogue about ``people`` people."""
    figures = tuple(random.sample(FIGURES, people))
    dialogue = GermanDialogue(figures)
    subject: Figure | None = None
    beside: tuple[Figure, ...] = ()
    for _ in range(sentences):
        kind, keyword = random.random(), random.choice(KEYWORDS)
        if kind < 0.2 and subject:
            _write(dialogue, random.choice(PRONOUN).format(er=subject.pronoun, K=keyword))
            same = tuple(one for one in beside if one.pronoun == subject.pronoun)
            dialogue.truth.append((keyword, _either(subject, *same)))
        elif kind < 0.25 and subject:
            _write(dialogue, f"So {keyword} heute!")
            dialogue.truth.append((keyword, _either(subject, *beside)))
        elif kind < 0.28:
            _write(dialogue, f"Ich bin {keyword}.")
            dialogue.truth.append((keyword, SPEAKER))
        elif kind < 0.31 and subject and beside:
            _write(dialogue, f"{subject.name} und {beside[0].name} sind hier. Sie sind {keyword}.")
            dialogue.truth.append((keyword, frozenset({subject.name, beside[0].name})))
            beside = (beside[0],)
        elif kind < 0.35 and subject and not beside:
            _write(dialogue, f"{subject.possessive} Mutter ist {keyword}.")
            dialogue.truth.append((keyword, frozenset({"mother"})))
            subject = None
        else:
            subject, beside = _named(dialogue, random, kind < 0.8)
    return dialogue


def _named(dialogue: GermanDialogue, random: Random, with_keyword: bool) -> tuple[Figure | None, tuple[Figure, ...]]:
    """Write a sentence with names; return its subject and the other people in it."""
    template, *about = random.choice(NAMED if with_keyword else WITHOUT_KEYWORD)
    count = 3 if "{C}" in template else 2
    if len(dialogue.figures) < count:
        return None, ()
    first, second, *third = random.sample(dialogue.figures, count)
    names = {"A": first.name, "B": second.name, "C": third[0].name if third else ""}
    k, other = random.sample(KEYWORDS, 2)
    _write(dialogue, template.format(**names, As=first.owner, der=first.relative, K=k, L=other))
    if with_keyword:
        for keyword, letters in zip((k, other), about, strict=False):
            everyone = {names[letter] for letter in letters} if set(letters) <= set("ABC") else {letters}
            dialogue.truth.append((keyword, frozenset(everyone) if letters else None))
    if about[-1] not in ("A", "AB"):
        return None, ()
    return first, (second,) if "{B}" in template else ()


def expected(dialogue: GermanDialogue, truth: Truth, patient: str) -> str:
    """Return the relation of a keyword to ``patient``; "unclear" if no reader can tell."""
    if truth == SPEAKER:
        return "patient" if dialogue.mentioned <= {patient} and not dialogue.has_relatives else "unclear"
    if isinstance(truth, Ambiguous):
        return "unclear" if patient in truth.names else "other"
    return "patient" if patient in truth else "other"


def _either(*figures: Figure) -> Truth:
    names = frozenset(figure.name for figure in figures)
    return names if len(names) == 1 else Ambiguous(names)


def _write(dialogue: GermanDialogue, text: str) -> None:
    dialogue.sentences.append(text[0].upper() + text[1:])
