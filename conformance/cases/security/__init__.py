"""Cases of an access point under attack."""
