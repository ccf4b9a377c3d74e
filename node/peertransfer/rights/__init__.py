"""What the person may ask of the node: consent and the privacy statement's record.

Export, erasure, statistics, audit and updates have their place here and are not built yet.
"""
