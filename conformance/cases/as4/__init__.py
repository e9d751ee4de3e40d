"""Cases of the AS4 protocol as Peppol profiles it."""
