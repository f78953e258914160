"""Conformance vectors: small cases that any verifier of this format can run. `README.md` explains them."""
