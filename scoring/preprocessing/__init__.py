"""Turn the bytes of an image file into the pixels a model was trained on: pure functions."""
