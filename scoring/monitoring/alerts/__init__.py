"""Who is told of what: rules, an outbox in the ledger, and the one program that sends."""
