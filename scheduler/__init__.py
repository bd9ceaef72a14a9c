"""The clock: starts the server, the client, and stops them."""
