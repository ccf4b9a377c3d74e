"""The local API: HTTP on a unix socket, for the person's own programs only.

``POST /v1/<command>`` with a JSON object. The answer is a stream of JSON lines: any number of events,
then exactly one ``{"event": "result", "result": {...}}`` or ``{"event": "error", "error": {...}}``. A
client that goes away cancels what it asked for.

``endpoint`` the socket file · ``commands`` what can be asked · ``application`` HTTP to node · ``listener``
the server · ``daemon`` a node as a process · ``client`` and ``sessions`` the other side, for the command
line · ``offline``, ``homes`` and ``inputs`` what needs no node · ``faults`` errors as JSON, both ways ·
``logs`` lines on stderr.
"""
