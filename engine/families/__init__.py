"""Kinds of instructions: what is asked about a segment, and how it is answered."""
