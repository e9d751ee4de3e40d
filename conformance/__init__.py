"""What is known of the specifications: which ones, how far we follow them, and where we differ.

`specs/index.tsv` lists every specification that a docstring may cite.
"""
