"""Civility: rude sentences and the civil ones that say the same, beside ordinary English to be left alone."""
