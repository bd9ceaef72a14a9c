"""Proofs on real held-out images, whose tables stand in docs/monitoring.md."""
