"""The model server and its client: words in, words and vectors out. Knows nothing of articles and chats."""
