"""A checked bundle becomes labels, calibrated confidences and reasons to look again."""
