"""Training: the parts that all kinds of models share, and packages for images, emotions and ranking."""
