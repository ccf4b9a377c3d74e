"""The local API: HTTP on a unix socket, for the person's own programs only."""
