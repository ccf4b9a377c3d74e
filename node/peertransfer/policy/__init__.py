"""May this audience see this? The door: default deny, one decision for each view.

Pure and total: the same policy, facts and time give the same answer.
"""
