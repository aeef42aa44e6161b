"""One file a claim, each printing ratios measured in one run."""
