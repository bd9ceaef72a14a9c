"""The Flask prediction API."""
