"""Tests of the streaming segmenter."""
