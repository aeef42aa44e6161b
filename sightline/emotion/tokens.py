"""Tokens of a text: lower case, one kind of apostrophe, contractions expanded, with offsets in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sightline.emotion.english import english

# A word includes hyphens and apostrophes inside it (Mary-Ann, O'Brien), a number its points and colons.
_TOKEN = re.compile(
    r"\d+(?:[.,:]\d+)+|[^\W_]+(?:[-'’‘ʼ`´＇][^\W_]+)*|…|\.{2,}|--+|(?<=\s)-(?=\s)|[.?!,;:()\[\]–—]"  # noqa: RUF001
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´＇", "'"))  # noqa: RUF001
_SUFFIXES = {"'s": "'s", "'re": "are", "'m": "am", "'ll": "will", "'ve": "have", "'d": "'d"}
# After "had", unlike "would": "he'd been sad" is asserted, "he'd be sad" is hypothetical.
_PERFECT = frozenset({"been", "become", "felt", "got", "gotten", "grown", "kept", "begun"})

BREAK = ","
"""The token of every mark that separates clauses: comma, semicolon, colon, dash, bracket."""
ELLIPSIS = "…"
END_MARKS = frozenset(".?!")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a mark: ``word`` in its normalised form, and its offsets in the text, in characters."""

    word: str
    start: int
    end: int
    capital: bool = False

    @property
    def is_mark(self) -> bool:
        """Whether the token is punctuation."""
        return not self.word[-1].isalnum()


def tokenise(text: str, contractions: Mapping[str, tuple[str, ...]] | None = None) -> list[Token]:
    """Return the words and marks of ``text``, in order.

    ``contractions`` are those of the language of the text; None for English, which also splits "she's" and "isn't".
    """
    if contractions is not None:
        found = ((match.group(), match.start()) for match in _TOKEN.finditer(text))
        return [token for part, start in found for token in _parts_of_other(part, start, contractions)]
    tokens = [token for match in _TOKEN.finditer(text) for token in _parts(match.group(), match.start())]
    return [_expand_had_would(token, tokens[i + 1 : i + 4]) for i, token in enumerate(tokens)]


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` in their normalised form, without the marks."""
    return tuple(token.word for token in tokenise(text) if not token.is_mark)


def _parts(text: str, start: int) -> Iterator[Token]:
    end, capital = start + len(text), text[0].isupper()
    word = text.lower().translate(_APOSTROPHES)
    if not text[0].isalnum():
        yield Token(_mark(text), start, end)
    elif word in english().contractions:
        for part in english().contractions[word]:
            yield Token(part, start, end, capital)
    elif word.endswith("n't"):
        yield Token(word[:-3], start, end - 3, capital)
        yield Token("not", end - 3, end)
    else:
        suffix = word[word.rfind("'") :] if "'" in word else ""
        if suffix in _SUFFIXES:
            yield Token(word.removesuffix(suffix), start, end - len(suffix), capital)
            yield Token(_SUFFIXES[suffix], end - len(suffix), end)
        else:
            yield Token(word, start, end, capital)


def _parts_of_other(text: str, start: int, contractions: Mapping[str, tuple[str, ...]]) -> Iterator[Token]:
    """Yield the words of ``text``, which is in another language than English."""
    end, capital = start + len(text), text[0].isupper()
    if not text[0].isalnum():
        yield Token(_mark(text), start, end)
        return
    word = text.lower().translate(_APOSTROPHES)
    for part in contractions.get(word, (word,)):
        yield Token(part, start, end, capital)


def _mark(text: str) -> str:
    if text in END_MARKS:
        return text
    return ELLIPSIS if text[0] in "…." else BREAK


def _expand_had_would(token: Token, following: list[Token]) -> Token:
    if token.word != "'d":
        return token
    verb = next(
        (other.word for other in following if other.word not in ("not", "never") and other.word[-2:] != "ly"), ""
    )
    word = "had" if verb in _PERFECT or verb.endswith("ed") else "would"
    return Token(word, token.start, token.end)
