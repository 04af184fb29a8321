"""What the desk tells editors about their articles: overlaps, contradictions, broken links, questions to hold."""
