"""The libp2p host, identify and streams; with ``transport`` the only importer of libp2p."""
