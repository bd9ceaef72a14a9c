"""Proofs of what monitoring claims, on real images: tables for docs/monitoring.md."""
