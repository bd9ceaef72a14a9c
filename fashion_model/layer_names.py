"""The layers of every network here that others look for by name."""

FEATURES = "features"
LOGITS = "logits"
