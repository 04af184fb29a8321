"""How fast the knowledge base is, measured on sets that are made for it."""
