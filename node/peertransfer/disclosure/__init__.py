"""Which shapes may leave this node, and sealed for whom.

A view names exactly the fields that can leave; private records have other types and cannot be
encoded. ``Disclosed`` is a view that the policy engine sealed for an audience; encoders take only
that and return a ``SealedFrame``, and ``net.peer_stream`` writes only those.
"""
