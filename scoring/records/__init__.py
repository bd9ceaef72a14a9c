"""What is written: ledger, Results.csv, metrics log, Events-log."""
