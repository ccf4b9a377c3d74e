"""How a person asks. Speaks to ``control`` only; imports no libp2p, no trio and no server."""
