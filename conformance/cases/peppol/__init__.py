"""Cases of the Peppol network: business envelopes, certificates, who is served."""
