"""What editors are told about their articles: looked for in a task after each change, and never on the save path."""
