"""What happens next on this stream? The exchange protocol as two sans-IO machines.

The specification is ``docs/protocol.md``; this is the map of the room that carries it out.

Participants
    *Getter*: opens the stream, wants a share that it holds a link to, asks for its blocks.
    *Provider*: was asked; grants or refuses, and answers requests under its grant.
    One node plays both roles, on different streams. Who the peer is has been proven by the Noise
    handshake below; whether it holds the link is proven here, by both, without the link's secret ever
    being sent.

A stream, told once::

    getter                                       provider
      hello(version, limits, nonce)  ----------->
                                     <-----------  hello(version, limits, nonce)
      want(locator, proof)           ----------->
                                     <-----------  grant(proof, until)     or refusal(0, code): the end
      manifest / openings / nodes /
      blocks / have requests         ----------->
                                     <-----------  blocks + raw octets, openings, have, refusal(id, code)
      delivered                      ----------->

Goals, in rank order
    1. *Nothing is said too early.* A getter that meets somebody without the secret has told a locator,
       which is blind, and a proof, which is worth nothing on another stream; then it says no more. A
       provider answers an unproven want, an unknown locator and a denied peer by one refusal.
    2. *Nothing is believed that was not asked for.* An answer is held against its request before memory
       is taken for it: kind, entry, index, order, count, end. (What is in a block is judged by its CID,
       in ``content``.)
    3. *Memory is bounded by constants*: one frame and one mebibyte for a stream, whatever the peer says
       and however its octets are cut.
    4. *A full pipe.* Requests are pipelined up to what both hellos accept, answers may overtake each
       other, block octets are copied once and never pass through protobuf.
    5. *A second implementation can be written* from the specification and the vectors in
       ``tests/vectors/exchange``.

Non-goals
    Encryption and authentication of peers (Noise does it); finding providers (``kademlia``); choosing
    what to ask whom (the scheduler in ``service``); deciding who may see what (``policy``); deadlines,
    rates and bans (the shell has the clock); pushing files to somebody who did not ask; compression.

How to drive a machine
    ``receive_data(octets)``, then ``next_event()`` until it gives ``None``, and again; ``receive_eof()``
    when the peer closed its side. Whatever is to be said is a ``send_``, ``request_``, ``cancel`` or
    ``delivered`` call that takes a sealed view and returns the ``SealedFrame`` to write. A call that the
    state forbids raises ``LocalProtocolError``: our bug. A peer's breach raises ``RemoteProtocolError``
    out of ``next_event``; the machine is over then, and the shell resets the stream.

Files
    ``states`` the transition table · ``outstanding`` requests and what may come next in their answers ·
    ``events`` what happened · ``machine`` what both roles share · ``provider``, ``getter`` the two sides.
"""
