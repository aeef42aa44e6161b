"""Other languages than English, each read with a table: keywords, negation, order of words, nouns, pronouns.

The rules know no language. What a table does not list they do not guess: a keyword is then about nobody who is known.
"""
