"""Webhooks in the database: endpoints with their secrets, deliveries with their attempts."""
