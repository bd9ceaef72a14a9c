"""The library that the four programs stand on: server, client, scheduler and model maker."""
