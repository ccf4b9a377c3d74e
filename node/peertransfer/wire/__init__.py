"""Octets to views and back: the only room that knows protobuf.

Encoders take only ``Disclosed`` values and return ``SealedFrame``; decoders return frozen native
messages (``wire.messages``), every length checked before memory is taken.
"""
