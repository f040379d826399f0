"""Data files: objects that know where they stand, read from any kind of file, and files written whole."""
