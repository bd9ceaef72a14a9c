"""Classes of one's own, learned on a frozen backbone: photographs in, a bundle out."""
