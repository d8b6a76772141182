"""A small rendered corpus of CCTV-like videos with known truth, to try everything on."""

from engine.demo.corpus import render_corpus

__all__ = ["render_corpus"]
