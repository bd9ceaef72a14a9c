"""Which folders are batches, which of their files are images, and how a file becomes a row."""
