"""The demonstration of `make demo`: synthetic inputs and the pages of the results."""
