"""The marketplace: accounts, catalogue, offers, and the core that tracking and payouts stand on."""
