"""Tests of engine.exporters."""
