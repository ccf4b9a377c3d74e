"""Peertransfer: a file-exchange node that can prove what it disclosed.

Rooms, top to bottom; imports go downwards only (``pyproject.toml``, import-linter)::

    cli -> control -> service -> {rights | exchange | kademlia | net | store}
        -> {policy | transport | membership} -> wire -> disclosure -> content -> errors

Goals in rank order: nothing leaves undeclared; nothing wrong is ever stored; nothing is lost;
it is easy to use; it is fast.
"""
