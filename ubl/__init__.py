"""Documents and identifiers of the Peppol network."""
