"""The steps: each a thin task around one call of the library, with its policy."""
