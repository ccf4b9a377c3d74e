"""How a person asks. Speaks to ``control`` only; imports no libp2p, no trio and no server.

``main`` the entry · ``frame`` what all commands have · ``asking`` home, consent and node for a command ·
``output`` documents, sentences and errors · ``tables`` and ``bars`` what is drawn · ``spans`` sizes,
times and dates · the commands themselves: ``node_commands share_commands get_commands rule_commands
ledger_command network_commands``.
"""
