"""Embedding models that run on this machine: one that a package carries, or any in a folder in ONNX form."""
