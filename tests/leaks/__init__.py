"""Promise 1: nothing raw ever reaches a consumer, by whatever channel it reads."""
