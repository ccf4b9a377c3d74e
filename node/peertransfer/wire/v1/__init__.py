"""Generated from ``protos/``; ``make protos`` makes it anew. Only ``wire`` imports it."""
