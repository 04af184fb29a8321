"""How fast the engine is beside its peers: each in a process of its own, of which one works at a time."""
