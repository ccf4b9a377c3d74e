"""The two ends of a connection, each in a process of its own: one file for each kind of connection.

All take the same words. ``listen`` prints ``ready ADDR`` and serves until its standard input ends.
``dial ADDR WORK COUNT STREAMS`` prints one line of JSON: for WORK ``stream`` the seconds and own CPU seconds
for COUNT octets on STREAMS streams of one connection, from memory to memory, toward the dialler; for
``connect`` and ``ping`` the seconds of each of COUNT dials, or round trips of 32 octets.

On a stream the dialler says in 8 octets (big-endian) how many octets it wants; 0 asks for an echo.
"""
