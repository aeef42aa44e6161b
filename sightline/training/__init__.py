"""Training: what all kinds of models share, and one package for each of images, emotions and ranking."""
