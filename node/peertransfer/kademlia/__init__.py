"""Who is close, and who provides? Routing table, iterative look-up and provider records, sans-IO."""
