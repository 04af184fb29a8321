"""How good the answers are: asked as customers ask, marked, compared, told. Nothing here runs for customers."""
