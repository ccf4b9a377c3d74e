"""Who belongs to a network: network IDs, keys, signed envelopes and invites. Pure.

Certificates, roles, uses of an invite and revocation have their place here and are not built yet.
"""
