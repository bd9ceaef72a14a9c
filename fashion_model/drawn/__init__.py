"""Draws product-like pictures of garments: the sample batch, where no data set may be shipped."""
