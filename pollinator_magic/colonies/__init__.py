"""Speaks ColonyOS: keys, wire types, the signed envelope, one method an operation (protocol.md)."""
