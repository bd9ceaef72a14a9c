"""The desk: what came in, what a person must look at, and what was said of it; in a browser."""
