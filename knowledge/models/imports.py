"""Where articles came from: sources, runs over them, and what each run did with each document."""
