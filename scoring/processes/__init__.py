"""Starting, watching and stopping the other programs; the locks between them."""
