"""The meta-filesystem of ColonyOS: labels on the server, contents in an object store (protocol.md, section 10)."""
