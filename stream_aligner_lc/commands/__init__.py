"""The commands, a module each with its `command`; what it needs is imported when it runs."""
