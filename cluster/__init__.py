"""The batch job on several machines: the same listing, preprocessing and predictor on Ray Data."""
