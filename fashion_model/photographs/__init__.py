"""Networks for photographs: they start from weights that others trained on millions of them."""
