"""Showing documents to people: as pages and as PDFs, in four languages."""
