"""Bytes in, verdict out: keys, notes, the log, and the numbered checks. Standard library and cryptography alone.

Nothing here touches disk, network, clock or randomness, and no input, however hostile, makes it raise anything but a
`signing.errors.SigningError`, loop, or use memory out of proportion. Each format's module docstring is its
specification: `keys`, `note`, `packing`, `entry`, `merkle`, `tiles`, `checkpoint`, `proof`, `front`; `verify` puts them
together and is the only place that can call something verified. `trust` (TUF) says whom to believe.
"""
