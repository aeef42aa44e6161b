"""A sentence of another language than English, read with the table of its language."""

from __future__ import annotations

from itertools import count

from sightline.emotion.clauses import Statement
from sightline.emotion.languages.assertion import Assertions
from sightline.emotion.languages.clauses import Clause, find_clauses, first_verb, is_subordinate
from sightline.emotion.languages.grammar import Grammar
from sightline.emotion.languages.people import Someone, find_people, is_certain_name
from sightline.emotion.languages.subjects import Meant, Subjects
from sightline.emotion.languages.words import TaggedWords
from sightline.emotion.mentions import Mention, MentionKind
from sightline.emotion.name_forms import parse_name
from sightline.emotion.nouns import Noun
from sightline.emotion.referents import ReferentRole
from sightline.emotion.sentence_reading import Part, Referent, SentenceReading, TimedMention
from sightline.emotion.sentences import Sentence
from sightline.emotion.speech_text import SpeechText
from sightline.emotion.spoken_names import SpokenName
from sightline.emotion.subjects import Subject, SubjectKind
from sightline.emotion.tagging import Hit
from sightline.emotion.utterances import Utterance

_GENDERED = ("he", "she")


class TableReading(SentenceReading):
    """A sentence with its utterances and the referents of their keywords.

    ``known`` are the words of names that are known before anything is read.
    """

    def __init__(self, sentence: Sentence, grammar: Grammar, speech: SpeechText, known: frozenset[str]) -> None:
        super().__init__(sentence, speech)
        self._tagged = TaggedWords(sentence, grammar)
        self._grammar = grammar
        self._known = known
        self._read(known)

    def _read(self, known: frozenset[str]) -> None:
        self._known = known
        self._people = find_people(self._tagged, known)
        self._clauses, doubtful = find_clauses(self._tagged, self._people)
        self._subjects = Subjects(self._tagged, self._clauses, doubtful)
        assertions = Assertions(self._tagged, self._clauses)
        meant: dict[Hit, Meant] = {}
        for hit in self._tagged.hits:
            number = self._clause_of(hit)
            if assertions.asserts(number, hit):
                found = self._subjects.meant(number, hit)
                if found.is_statement or not self._tagged.is_discourse(hit):
                    meant[hit] = found
        self.referents: dict[Hit, Referent] = {hit: self._referent(found) for hit, found in meant.items()}
        self.utterances: list[Utterance] = self._split(meant)

    @property
    def names(self) -> list[SpokenName]:
        """The names whose emotion the sentence states."""
        return [part.name for referent in self.referents.values() for part in referent.parts if part.name]

    @property
    def name_words(self) -> set[str]:
        """The words of names that are certain."""
        return {
            word
            for one in self._people
            if one.kind is SubjectKind.NAME and is_certain_name(self._tagged, one.end - 1, self._known)
            for word in self._name(one).form.key_words
        }

    def mentions(self, known: frozenset[str]) -> list[TimedMention]:
        """Return the people mentioned, in order. ``known`` are the words of names that occur elsewhere."""
        if known != self._known:
            self._read(known)
        mentions: list[TimedMention] = []
        named = False
        for one in self._people:
            clause = next(clause for clause in self._clauses if one.start < clause.end)
            if self._subjects.is_predicate(clause, one):
                continue
            mention = self._mention(clause, one, named=named)
            if mention:
                mentions.append(mention)
            named = named or one.kind is SubjectKind.NAME
        return mentions

    def part_of(self, subject: Subject) -> Part:
        """Return the one person that ``subject`` names."""
        found = next((one for one in self._people if one.start == subject.start), None)
        if found is not None:
            return self._part(found)
        word = self._tagged.word(subject.start)
        meaning = self._grammar.table.possessives[word]
        return Part(word, subject.start, word=meaning, spoken=word)

    def joins(self, index: int) -> bool:
        """Return whether the word at ``index`` joins people."""
        table = self._grammar.table
        return self._tagged.word(index) in table.coordinators - table.contrast

    def excludes_after(self, part: Part) -> bool:
        """Return whether somebody is left out after ``part``: "alle außer Ana"."""
        following = self._tagged.words[part.start + 1 : part.start + 3]
        return not self._grammar.table.excluding.isdisjoint(following)

    def doubted(self, referent: Referent) -> Referent:
        """Return ``referent``: its parts are uncertain already if they have to be."""
        return referent

    def is_pronoun(self, text: str) -> bool:
        """Return whether ``text`` is a pronoun."""
        table, word = self._grammar.table, text.lower()
        return word in table.pronouns or word in table.object_pronouns or word in table.possessives

    def names_object(self, referent: Referent) -> bool:
        """Return whether a name is the object of the keyword: "macht BEN traurig", "die traurige ANA"."""
        return referent.kind is SubjectKind.NAME and not referent.role.is_statement and not referent.role.is_thing

    def _clause_of(self, hit: Hit) -> int:
        return next(number for number in count() if hit.start < self._clauses[number].end)

    def _referent(self, meant: Meant) -> Referent:
        role = ReferentRole(None, is_thing=meant.is_thing)
        if not meant.people:
            return Referent(role, ())
        first, last = meant.people[0], meant.people[-1]
        kind = SubjectKind.COORDINATION if len(meant.people) > 1 else first.kind
        role = ReferentRole(
            Subject(first.start, last.end, kind, first.phrase), is_thing=meant.is_thing, is_statement=meant.is_statement
        )
        parts = tuple(self._part(one, is_certain=meant.is_certain) for one in meant.people)
        return Referent(role, parts, *self.source(first.start, last.end))

    def _part(self, one: Someone, *, is_certain: bool = True) -> Part:
        text, _ = self.source(one.start, one.end)
        if one.kind is SubjectKind.NAME:
            beside = self._tagged.word(one.start - 1) if one.phrase < one.start else ""
            is_carer = beside in self._grammar.table.carers or self._grammar.table.titles.get(beside) == "nurse"
            certain = is_certain and one.is_certain and not is_carer
            return Part(text, one.start, name=self._name(one), is_certain=certain)
        if one.kind is SubjectKind.NOUN:
            return Part(text, one.start, noun=self._noun(one), is_certain=is_certain)
        return Part(text, one.start, word=self._meaning(one), spoken=text.lower(), is_certain=is_certain)

    def _meaning(self, one: Someone) -> str:
        """Return the meaning of a pronoun, which depends on its verb: "sie ist", "sie sind"."""
        table, word = self._grammar.table, self._tagged.word(one.start)
        if one.meaning is None or word not in table.plural_pronouns or one.meaning == "you":
            return one.meaning or "someone"
        clause = next((clause for clause in self._clauses if clause.start <= one.start < clause.end), None)
        inside = range(clause.begin, clause.end) if clause else ()
        verb = next((index for index in inside if self._tagged.is_finite(index)), -1)
        is_plural = self._tagged.word(verb) in table.plural
        return table.plural_pronouns[word] if is_plural else one.meaning

    def _name(self, one: Someone) -> SpokenName:
        text, _ = self.source(one.start, one.end)
        if one.stem:
            text = text[: len(text) - (len(self._tagged.word(one.end - 1)) - len(one.stem))]
        table = self._grammar.table
        title = table.titles.get(self._tagged.word(one.start), "") if one.end - one.start > 1 else ""
        form = parse_name(text.partition(" ")[2] if title else text)
        return SpokenName(
            text,
            form._replace(title=title or form.title),
            one.gender,
            may_be_two=one.end - one.start - bool(title) > 1 and not self._is_one_name(one),
            is_lower=not self._sentence.has_capitals,
            place=self._sentence.tokens[one.end - 1].start,
        )

    def _is_one_name(self, one: Someone) -> bool:
        """Return whether the words are one person's name: "ist Sara Lopez traurig", unlike "hat Sara Ben getröstet"."""
        tagged, before = self._tagged, one.phrase - 1
        if not self._sentence.has_end_mark:
            return False
        table = self._grammar.table
        opens = tagged.is_break(before) or any(clause.begin == one.phrase for clause in self._clauses)
        joined = tagged.word(before) in table.subordinators | table.complementisers | table.conditions
        follows = joined or before in tagged.keyword_indices or tagged.is_linking(before)
        first_names = any(is_certain_name(tagged, index, frozenset()) for index in range(one.start + 1, one.end))
        return opens or (follows and not first_names)

    def _noun(self, one: Someone) -> Noun:
        table, word = self._grammar.table, self._tagged.word(one.start)
        owner, words = None, ""
        if one.owner and one.owner.meaning not in ("i", "we", "you"):
            owner = Subject(one.owner.start, one.owner.end, one.owner.kind, one.owner.start)
            words = one.owner.stem or " ".join(self._tagged.words[owner.start : owner.end])
        between = self._tagged.words[one.phrase : one.start]
        young, adult = word in table.young_nouns, word in table.adult_nouns
        return Noun(
            word,
            self._grammar.kinds[word],
            owner,
            words,
            is_another=not table.another.isdisjoint(between),
            gender=self._grammar.gender_of(word),
            is_young=None if young == adult else young,
        )

    def _mention(self, clause: Clause, one: Someone, *, named: bool) -> TimedMention | None:
        text, time = self.source(one.start, one.end)
        is_subject = not one.is_object
        if one.kind is SubjectKind.PRONOUN:
            meaning = self._meaning(one)
            if meaning not in _GENDERED:
                return None
            return TimedMention(Mention(one.start, one.end, MentionKind.PRONOUN), text, time, word=meaning)
        if one.kind is SubjectKind.NOUN:
            stands_out = not is_subordinate(self._tagged, clause)
            mention = Mention(one.start, one.end, MentionKind.NOUN, is_subject and stands_out, stands_out)
            return TimedMention(mention, text, time, noun=self._noun(one), beside_name=named)
        kind = MentionKind.NAME if is_subject and one.is_certain else MentionKind.POSSIBLE_NAME
        return TimedMention(Mention(one.start, one.end, kind, is_subject), text, time, name=self._name(one))

    def _split(self, meant: dict[Hit, Meant]) -> list[Utterance]:
        """Return the utterances: a new one begins before every further statement with another verb."""
        utterances: list[Utterance] = []
        start, statement, hits = 0, None, list[Hit]()
        for hit in sorted(meant):
            subject = self.referents[hit].role.subject if meant[hit].is_statement else None
            cut = self._cut_before(hit)
            if subject and statement and cut > start and not self._repeats(statement, subject, hit):
                utterances.append(Utterance(start, cut, tuple(hits), statement))
                start, statement, hits = cut, None, []
            hits.append(hit)
            if subject and statement is None:
                statement = Statement(subject, hit)
        return [*utterances, Utterance(start, len(self._tagged.words), tuple(hits), statement)]

    def _repeats(self, statement: Statement, subject: Subject, hit: Hit) -> bool:
        return statement.subject.start == subject.start and statement.hit.entry.emotion == hit.entry.emotion

    def _cut_before(self, hit: Hit) -> int:
        """Return the start of the predicate with ``hit``: of its piece if that has a verb, otherwise of its clause."""
        clause = self._clauses[self._clause_of(hit)]
        piece = clause.pieces[clause.piece_at(hit.start)]
        return piece.start if first_verb(self._tagged, piece) is not None else clause.start
