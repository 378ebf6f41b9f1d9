"""A document's page: how it looks, its text, its passages, and what reading it found."""
