"""The commands beyond the demo, a module each: `add` says what it takes, and what it needs is imported when it runs."""
