"""Code that all steps share: policies, failure alerts, progress, windows of chunks, and the declaration of flows."""
