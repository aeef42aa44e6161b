"""Random dialogues about two or three people, in which it is known whom every keyword is about.

The reference is the generator: it writes a sentence about somebody it has chosen. A pronoun stands for the subject of
the sentence before; a sentence without a subject is about the person of the sentence before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

KEYWORDS = ("happy", "sad", "angry", "surprised", "calm", "upset", "excited", "glad")
STYLES = {
    "as written": lambda text: text,
    "lower case": str.lower,
    "no marks": lambda text: "".join(c for c in text if c not in ".,!?"),
    "lower case, no marks": lambda text: "".join(c for c in text.lower() if c not in ".,!?"),
    "upper case": str.upper,
}
SPEAKER = "the speaker"
"""The truth about "I am happy"."""


@dataclass(frozen=True)
class Ambiguous:
    """The truth about a keyword that is about one of ``names``; no reader can tell which."""

    names: frozenset[str]


Truth = frozenset[str] | Ambiguous | str


@dataclass(frozen=True)
class Figure:
    """A person of a dialogue."""

    name: str
    pronoun: str

    @property
    def object_pronoun(self) -> str:
        return {"he": "him", "she": "her"}[self.pronoun]

    @property
    def possessive(self) -> str:
        return {"he": "his", "she": "her"}[self.pronoun]


FIGURES = (
    Figure("Anna", "she"),
    Figure("Ben", "he"),
    Figure("Mary Ann", "she"),
    Figure("Peter", "he"),
    Figure("Cleo", "she"),
    Figure("Tarek", "he"),
    Figure("Noor", "she"),
    Figure("José", "he"),
    Figure("Sara Lopez", "she"),
    Figure("O'Brien", "he"),
)


@dataclass
class Dialogue:
    """Sentences, and for every keyword in order whom it is about."""

    figures: tuple[Figure, ...]
    sentences: list[str] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)

    def text(self, style: str) -> str:
        return STYLES[style](" ".join(self.sentences))

    @property
    def mentioned(self) -> set[str]:
        text = " ".join(self.sentences)
        return {figure.name for figure in self.figures if figure.name in text}

    @property
    def has_relatives(self) -> bool:
        text = " ".join(self.sentences)
        return any(word in text for word in ("mother", "brother", "nurse"))


# Per template: its text, with A and B two people and K and L keywords, and whom K and L are about.
NAMED = (
    ("{A} is {K}.", "A"),
    ("{A} looks {K} today.", "A"),
    ("I think {A} is {K}.", "A"),
    ("{A}'s {K}.", "A"),
    ("{A} has been {K} all day.", "A"),
    ("Look how {K} {A} is!", "A"),
    ("This is a video of {A} being {K}.", "A"),
    ("{A}'s mother is {K}.", "mother"),
    ("The brother of {A} is {K}.", "brother"),
    ("{A}'s {K} brother left.", "brother"),
    ("The nurse is {K}.", "nurse"),
    ("{A} and {B} are {K}.", "AB"),
    ("{A} makes {B} {K}.", "B"),
    ("{A} makes {B} feel {K}.", "B"),
    ("We saw {A} {K}.", "A"),
    ("{A} says {B} is {K}.", "B"),
    ("{A} thinks that {B} looks {K}.", "B"),
    ("{A} told me that {B} is {K}.", "B"),
    ("I told {A} that {B} is {K}.", "B"),
    ("{A} is {K} and {B} is {L}.", "A", "B"),
    ("{A} is {K} because {B} is {L}.", "A", "B"),
    ("{A} is not {K}, but {B} is {L}.", "", "B"),
    ("{A} hugs {B} and is {K}.", "A"),
    ("{A} hugs {B} tightly and is {K}.", "A"),
    ("{A} is {K} to see {B}.", "A"),
    ("{A}, who sits next to {B}, is {K}.", "A"),
    ("{B}, {A} is {K}.", "A"),
    ("Next to {A}, {B} is {K}.", "B"),
    ("When {A} plays, {B} is {K}.", "B"),
    ("{A} plays with {B}, and {A} is {K}.", "A"),
    ("With {A} there, {B} seems {K}.", "B"),
    ("{A}'s face is {K}.", "A"),
    ("{A} left {B} {K}.", "B"),
    ("Unlike {A}, {B} is {K}.", "B"),
    ("It is {A} who is {K}.", "A"),
    ("{A} was {K} when {B} came in.", "A"),
)
WITHOUT_KEYWORD = (
    ("{A} is here.", "A"),
    ("{A} came in.", "A"),
    ("This is {A}.", "A"),
    ("{A} is drawing a house.", "A"),
    ("{A} is sitting next to {B}.", "AB"),
    ("{A} gives {B} the ball.", "AB"),
    ("We met {A}.", "A"),
    ("Now we play with {A}.", "A"),
    ("{A} and {B} are here.", "AB"),
)
PRONOUN = ("{he} is {K}.", "{he} looks very {K}.", "I think {he} is {K}.", "Now {he} seems {K}.", "{he} was {K} again.")


def make_dialogue(random: Random, people: int, sentences: int) -> Dialogue:
    """Return a dialogue about ``people`` people."""
    figures = tuple(random.sample(FIGURES, people))
    dialogue = Dialogue(figures)
    subject: Figure | None = None
    beside: Figure | None = None
    for _ in range(sentences):
        kind = random.random()
        if kind < 0.2 and subject:
            he = subject.pronoun
            # Another person of the same gender in the sentence before makes a pronoun ambiguous for every reader.
            same = beside is not None and beside.pronoun == he
            _write(dialogue, random.choice(PRONOUN).format(he=he, K=random.choice(KEYWORDS)))
            dialogue.truth.append(_either(subject, beside) if same else frozenset({subject.name}))
        elif kind < 0.25 and subject and beside and beside.pronoun != subject.pronoun:
            _write(dialogue, f"{beside.pronoun} is {random.choice(KEYWORDS)}.")
            dialogue.truth.append(frozenset({beside.name}))
            subject, beside = beside, subject
        elif kind < 0.3 and subject:
            _write(dialogue, f"So {random.choice(KEYWORDS)} today!")
            dialogue.truth.append(_either(subject, beside) if beside else frozenset({subject.name}))
        elif kind < 0.33:
            _write(dialogue, f"I am {random.choice(KEYWORDS)}.")
            dialogue.truth.append(SPEAKER)
        elif kind < 0.36 and subject and beside:
            _write(dialogue, f"{subject.name} and {beside.name} are here. They are {random.choice(KEYWORDS)}.")
            dialogue.truth.append(frozenset({subject.name, beside.name}))
        elif kind < 0.4 and subject and not beside:
            _write(dialogue, f"{subject.possessive} mother is {random.choice(KEYWORDS)}.")
            dialogue.truth.append(frozenset({"mother"}))
            subject = None
        else:
            first, second = random.sample(figures, 2)
            template, *about = random.choice(NAMED if kind < 0.8 else WITHOUT_KEYWORD)
            names = {"A": first.name, "B": second.name}
            _write(dialogue, template.format(**names, K=random.choice(KEYWORDS), L=random.choice(KEYWORDS)))
            if template in {one for one, *_ in NAMED}:
                for letters in about:
                    if letters:
                        everyone = {names.get(letter, letters) for letter in letters} if letters in "AB" else {letters}
                        dialogue.truth.append(frozenset(everyone))
            two = "{B}" in template
            subject, beside = (first, second) if two else (first, None)
            if "mother" in template or "brother" in template or "nurse" in template or about[-1] == "B":
                subject = None
    return dialogue


ALONE = (
    *("{N} is {K}.", "{N} looks {K} today.", "I think {N} is {K}.", "{he} is {K}.", "So {K} today!", "{N} isn't {K}."),
    *(
        "This is a video of {N} being {K}.",
        "{N} is playing with the ball.",
        "Music makes {him} {K}.",
        "What a {K} day!",
    ),
    *("Look how {K} {N} is!", "{N} was {K} because {he} was tired.", "Okay, {N}, let's stop.", "The patient is {K}."),
    *("{he} likes the drum and the bubbles.", "We went to the park on Monday.", "Are you {K}, {N}?", "I am {K}."),
)


def make_monologue(random: Random) -> list[str]:
    """Return sentences in which nobody but one person is talked about."""
    one = random.choice(FIGURES)
    sentences = [
        random.choice(ALONE).format(N=one.name, he=one.pronoun, him=one.object_pronoun, K=random.choice(KEYWORDS))
        for _ in range(random.randint(1, 8))
    ]
    return [sentence[0].upper() + sentence[1:] for sentence in sentences]


def expected(dialogue: Dialogue, truth: Truth, patient: str) -> str:
    """Return the relation of a keyword to ``patient``; "unclear" if no reader can tell."""
    if truth == SPEAKER:
        # While nobody else is talked about, the speaker may be the patient.
        return "patient" if dialogue.mentioned <= {patient} and not dialogue.has_relatives else "unclear"
    if isinstance(truth, Ambiguous):
        return "unclear" if patient in truth.names else "other"
    return "patient" if patient in truth else "other"


def _either(*figures: Figure | None) -> Ambiguous:
    return Ambiguous(frozenset(figure.name for figure in figures if figure))


def _write(dialogue: Dialogue, text: str) -> None:
    dialogue.sentences.append(text[0].upper() + text[1:])
