"""Which advice gets an order, decided by a pure rule over touches and codes, with the reason for everybody else."""
