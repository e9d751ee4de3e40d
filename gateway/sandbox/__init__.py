"""The sandbox: a whole four-corner Peppol network on the loopback interface.

It has its own certificate authorities, DNS and participants, and starts the real gateway twice.
Nothing in it is faked: what it shows is what the gateway does on the real network.
"""
