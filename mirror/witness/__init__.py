"""Witnesses: a server that cosigns the checkpoints of others' logs (C2SP tlog-witness), and the client that asks them.

`store` is what a witness remembers and how it decides, `server` its HTTP, `client` the side of a log or a monitor.
"""
