"""Batches of images to score, and the script that draws the first of them."""
