"""What client and server agree on: requests, responses, encoding, signature, errors."""
