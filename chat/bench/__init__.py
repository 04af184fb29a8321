"""What is measured with real support prompts."""
