"""Import of models that other projects stored as pickles, into the registry's formats, which contain no code.

``images`` and ``emotions`` publish them; ``sandbox`` has the file read by a process that may do nothing but compute.
This package imports nothing: that process loads only ``worker``, ``contents`` and ``pickles``.
"""
