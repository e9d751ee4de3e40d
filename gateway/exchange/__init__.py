"""The exchange of documents with other access points: receiving, sending, and what proves it."""
