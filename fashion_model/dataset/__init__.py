"""Where training images come from: descriptions, readers, the download, the split."""
