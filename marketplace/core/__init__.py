"""The shared kernel: money, time, errors, the database, policy and the web edge. It knows no noun of the trade."""
