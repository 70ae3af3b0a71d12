"""What an attributed order earns: terms to money per line, and its append-only moves."""
