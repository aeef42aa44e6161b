"""Which language is spoken when: the main language of a video, and the parts in another one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from sightline.speech.languages import language_names
from sightline.speech.windows import SpeechPart

Shares = Mapping[str, float]
"""The probability of each language, by code."""

# A language is certain from this probability on.
_CERTAIN = 0.5

# Seconds. Shorter speech has the language of the speech around it: its own probabilities are chance.
_ENOUGH = 1.0


class SpokenLanguages:
    """Decides the language of every part of a sound, batch by batch."""

    def __init__(self) -> None:
        self._evidence: defaultdict[str, float] = defaultdict(float)
        self._unsure: list[tuple[SpeechPart, str]] = []

    def decide(
        self, parts: Sequence[SpeechPart], shares: Sequence[Shares], listen: Callable[[SpeechPart], Shares]
    ) -> list[str]:
        """Return the language of each part, given the probabilities of languages in its surroundings.

        ``listen`` returns those of a part heard alone, which is slower and more certain. It is asked if a part is not
        in the language that was spoken most so far.
        """
        for part, share in zip(parts, shares, strict=True):
            for language, probability in share.items():
                self._evidence[language] += part.duration * probability
        main = max(sorted(self._evidence), key=self._evidence.__getitem__)
        heard = [
            share if share[main] >= _CERTAIN or part.duration < _ENOUGH else listen(part)
            for part, share in zip(parts, shares, strict=True)
        ]
        certain = [_certain_language(part, share, main) for part, share in zip(parts, heard, strict=True)]
        decided = []
        for index, (part, share) in enumerate(zip(parts, heard, strict=True)):
            around = (_last(certain[:index]), _last(certain[index + 1 :][::-1]), main)
            language = certain[index] or max(filter(None, around), key=share.__getitem__)
            if not certain[index] and part.duration >= _ENOUGH and max(share, key=share.__getitem__) != language:
                self._unsure.append((part, language))
            decided.append(language)
        return decided

    def warnings(self) -> tuple[str, ...]:
        """Return the warning about the speech whose language is not certain, if there is any."""
        if not self._unsure:
            return ()
        seconds = sum(part.duration for part, _ in self._unsure)
        names = ", ".join(sorted({language_names()[language][0] for _, language in self._unsure}))
        return (
            f"the language of {seconds:.0f} s of speech is not certain, first at {self._unsure[0][0].start:.1f} s; "
            f"{names} was assumed, from the speech around it. Name the language with --language",
        )


def _certain_language(part: SpeechPart, share: Shares, main: str) -> str | None:
    if share[main] >= _CERTAIN:
        return main
    likeliest = max(share, key=share.__getitem__)
    return likeliest if share[likeliest] >= _CERTAIN and part.duration >= _ENOUGH else None


def _last(languages: Sequence[str | None]) -> str | None:
    return next((language for language in reversed(languages) if language), None)
