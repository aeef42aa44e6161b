"""Conformance with FFmpeg: generated videos, and what FFmpeg and sightline make of them.

``values`` lists the values of every dimension, ``generate`` writes the video of a combination, ``reference`` reads it
with FFmpeg, ``subject`` with sightline, and ``compare`` names the differences. ``design`` chose the combinations in
``cases.txt``. ``python -m tests.sightline.media.conformance`` runs them all and prints the share that agrees.
"""
