"""The shell that joins policy, store, net and the machines into one long-lived node."""
