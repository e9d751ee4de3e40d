"""Cases of the directory: DNS, and the metadata that a publisher signs."""
