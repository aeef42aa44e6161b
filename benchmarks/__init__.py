"""Benchmarks: one file per claim; every file prints ratios measured in one run."""
