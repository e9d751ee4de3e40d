"""Telling software of a dossier what happens in it: Standard Webhooks, signed and retried."""
