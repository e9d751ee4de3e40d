"""Schemathesis against a running API, by the description that it serves."""
