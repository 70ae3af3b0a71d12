"""The ledger: accounts, entries and postings that always sum to zero; it knows money and nothing else."""
