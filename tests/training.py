"""A preset that trains in a second, for tests."""

from __future__ import annotations

QUICK = r"""
name = "quick"
description = "Postures, for quick tests"
promoted_by = "macro_f1"
minimum = 10
folds = 3

[labels]
label = '^([a-z]+)_'
group = '^[a-z]+_((?:synthetic-)?s\d+)_'

[labels.classes]
left = ["left"]
right = ["right"]
supine = ["supine"]
outofbed = ["outofbed"]
prone = ["prone"]

[shares]
validation = 0.25
test = 0.34

[scratch]
backbone = "baseline_cnn"
input = { width = 16, height = 36, mean = [0.0, 0.0, 0.5], std = [0.25, 0.25, 0.25] }
head = "xgboost"
epochs = 8
batch = 8
optimizer = { name = "adamw", learning_rate = 1e-2 }
schedule = { name = "one_cycle" }
xgboost = { trees = 10, learning_rate = 0.3, depth = 3 }
"""
