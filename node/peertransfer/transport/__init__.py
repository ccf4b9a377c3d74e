"""Libp2p upgrade parts of ours: the private network's cipher and how a connection is made."""
