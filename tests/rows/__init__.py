"""Data files: read from every kind, written whole."""
