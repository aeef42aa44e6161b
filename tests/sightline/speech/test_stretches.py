"""Stretches of true values."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sightline.speech.stretches import stretches


@given(st.lists(st.booleans(), max_size=30))
def test_stretches_are_the_groups_of_true_values(values: list[bool]) -> None:
    groups = [list(group) for is_true, group in groupby(range(len(values)), key=values.__getitem__) if is_true]
    assert stretches(np.array(values, np.bool_)) == [(group[0], group[-1] + 1) for group in groups]
