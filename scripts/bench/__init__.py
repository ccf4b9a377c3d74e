"""The benchmark: what the node does beside its controls, in the same run, interleaved.

``python -m bench run`` measures and writes ``docs/performance.*``; ``check`` compares ratios with the
committed baseline; ``profile`` shows where the time goes; ``report`` writes the documents anew from the
figures that are there. It needs ``scripts`` in ``PYTHONPATH`` (the Makefile sets it).

A *job* is one piece of work; each of its *contenders* (this node, and what a person would take instead) does
it once in every round. ``suite.py`` lists all of them.
"""
